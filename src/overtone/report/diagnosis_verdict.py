"""Which loss to take for what, and what is wrong with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overtone.diagnosis import RuleHit
from overtone.experiments import Diagnosis, quantity
from overtone.report.diagnosis_figures import plane, styles_of
from overtone.report.markup import Child, Markup, el, table
from overtone.report.page import Section, blocks, bullets, draw, section
from overtone.report.palette import named
from overtone.report.words import capital, known, listed, significant


def choice(diagnosis: Diagnosis) -> Section | None:
    """The recommendation in sentences, and what it trades: compact classes against retrieval."""
    if not diagnosis.losses:
        return None
    sentences = diagnosis.recommendation.sentences
    advice = bullets(sentences) if sentences else None
    trade = _trade(diagnosis)
    if advice is None and trade is None:
        return None
    names = list(diagnosis.losses)
    question = f"What is {names[0]} good for?" if len(names) == 1 else "Which loss for which purpose?"
    return section(question, advice, trade)


def _trade(diagnosis: Diagnosis) -> Child:
    across, up = "intra_variance", diagnosis.metric
    points = {name: (one.measured(across), one.measured(up)) for name, one in diagnosis.ranked().items()}
    points = {name: pair for name, pair in points.items() if None not in (pair[0].mean, pair[1].mean)}
    if len(points) < 2:
        return None
    axes = quantity(across).name, quantity(up).name
    alt = f"{axes[1]} against {axes[0]} of {len(points)} losses"
    figure = plane(points, styles_of(diagnosis), axes=axes, alt=alt)
    whiskers = " Whiskers are 95 % intervals." if len(diagnosis.seeds) > 1 else ""
    text = f"Left: compact classes. Right: diverse classes. The higher, the better the retrieval.{whiskers}"
    return blocks(text, draw(figure))


def verdicts(diagnosis: Diagnosis) -> Section | None:
    """What the rules say of each loss, with the figure that triggered a rule and what to try next."""
    judged = {name: space.verdict for name, space in diagnosis.spaces().items() if space.verdict is not None}
    if not judged:
        return None
    styles = styles_of(diagnosis)
    cards = [
        el("div", el("h4", named(name, styles)), map(_finding, findings), class_="card")
        for name, findings in judged.items()
        if findings
    ]
    calm = [name for name, findings in judged.items() if not findings]
    text = (
        "Each rule compares one number with a threshold that was fixed beforehand. What it says is a hint where to "
        "look. " + (f"No rule fired for {listed(calm)}." if calm else "")
    )
    overview = _overview(diagnosis, judged) if len(cards) > 1 else None
    found = el("div", cards, class_="findings") if cards else None
    return section("What looks wrong, and what to try next?", text, overview, found)


def _overview(diagnosis: Diagnosis, judged: Mapping[str, Sequence[RuleHit]]) -> Markup:
    """Which rule fired where: its figure, or nothing."""
    fired = {name: {one.rule: one.figure for one in findings} for name, findings in judged.items()}
    rules, styles = list(dict.fromkeys(rule for figures in fired.values() for rule in figures)), styles_of(diagnosis)
    rows = [
        [named(name, styles), *(_short(figures[rule]) if rule in figures else "" for rule in rules)]
        for name, figures in fired.items()
        if figures
    ]
    return table(["loss", *map(_spelt, rules)], rows)


def _spelt(rule: str) -> str:
    return rule.replace("_", " ").replace("-", " ")


def _finding(one: RuleHit) -> Markup:
    """A rule that fired: its name, its figure beside the threshold, what it says, what to try."""
    heading = el("b", capital(_spelt(one.rule)))
    advice = el("p", el("b", "Next: "), one.advice) if one.advice else None
    figures = {quantity(one.quantity or "figure").name: one.figure, "threshold": one.threshold}
    said = ", ".join(f"{name} {_short(value)}" for name, value in figures.items() if known(value))
    trigger = el("span", f" {said}", class_="small muted")
    return el("div", el("p", heading, trigger), el("p", one.says), advice, class_="finding")


def _short(value: float | None) -> str:
    """A number with three significant digits and no zeros behind them.

    Example:
        >>> _short(0.0100), _short(0.71234)
        ('0.01', '0.712')
    """
    written = significant(value)
    return written.rstrip("0").rstrip(".") if "." in written and "×" not in written else written
