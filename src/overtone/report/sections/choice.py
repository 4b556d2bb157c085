"""Which loss to take for what, and what is right and wrong with each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overtone.report.diagnosed import Diagnosed, is_number
from overtone.report.key import named
from overtone.report.lines import plane
from overtone.report.markup import Child, Markup, el, markup
from overtone.report.page import Section, draw, paragraphs
from overtone.report.quantities import quantity
from overtone.report.tables import Column, table
from overtone.report.words import capital, listed, significant


def choice(diagnosed: Diagnosed) -> Section | None:
    """The recommendation in sentences, and what it trades: compact classes against classes that are found."""
    if not diagnosed.losses:
        return None
    sentences = (diagnosed.diagnosis.get("recommendation") or {}).get("sentences") or ()
    advice = el("ul", [el("li", sentence) for sentence in sentences]) if sentences else None
    trade = _trade(diagnosed)
    if advice is None and trade is None:
        return None
    one = next(iter(diagnosed.losses))
    question = f"What is {one} good for?" if len(diagnosed.losses) == 1 else "Which loss for what?"
    return Section(question, markup(advice, trade))


def _trade(diagnosed: Diagnosed) -> Child:
    across, up = "intra_variance", diagnosed.metric
    points = {
        name: (diagnosed.measured(name, across), diagnosed.measured(name, up))
        for name in diagnosed.losses
        if None not in (diagnosed.measured(name, across).mean, diagnosed.measured(name, up).mean)
    }
    if len(points) < 2:
        return None
    axes = quantity(across).name, quantity(up).name
    figure = plane(points, diagnosed.styles, axes=axes, alt=f"{axes[1]} against {axes[0]} of {len(points)} losses")
    text = (
        "Left, classes are compact; right, they keep their diversity. Above, they are found better. "
        f"{_whiskers(diagnosed)}"
    )
    return [paragraphs(text), draw(figure)]


def _whiskers(diagnosed: Diagnosed) -> str:
    return "Whiskers are 95 % intervals." if len(diagnosed.seeds) > 1 else ""


def verdicts(diagnosed: Diagnosed) -> Section | None:
    """What the rules say of each loss, with the figure that triggered a rule and what to try next."""
    judged = {name: entry["verdict"] for name, entry in diagnosed.entries.items() if "verdict" in entry}
    if not judged:
        return None
    cards = [
        el("div", el("h4", named(name, diagnosed.styles)), map(_finding, findings), class_="card")
        for name, findings in judged.items()
        if findings
    ]
    calm = [name for name, findings in judged.items() if not findings]
    text = (
        "Each rule compares one figure with a threshold that was fixed beforehand; what it says is a hint at what to "
        "look into. "
    )
    body = [
        paragraphs(text + (f"No rule fired for {listed(calm)}." if calm else "")),
        _overview(diagnosed, judged) if len(cards) > 1 else None,
        el("div", cards, class_="findings") if cards else None,
    ]
    return Section("What looks wrong, and what to try next?", markup(body))


def _overview(diagnosed: Diagnosed, judged: Mapping[str, Any]) -> Markup:
    """Which rule fired where: its figure, or nothing."""
    fired = {name: {str(one.get("rule")): one.get("figure") for one in findings} for name, findings in judged.items()}
    rules = list(dict.fromkeys(rule for figures in fired.values() for rule in figures))
    columns = [Column("loss", "name"), *(Column(_spelt(rule)) for rule in rules)]
    rows = [
        [named(name, diagnosed.styles), *(_short(figures[rule]) if rule in figures else "" for rule in rules)]
        for name, figures in fired.items()
        if figures
    ]
    return table(columns, rows)


def _spelt(rule: str) -> str:
    return rule.replace("_", " ").replace("-", " ")


def _finding(one: Mapping[str, Any]) -> Markup:
    """A rule that fired: its name and figure, what it says, what to try."""
    return el(
        "div",
        el(
            "p",
            el("b", capital(_spelt(str(one.get("rule", ""))))),
            el("span", f" {_trigger(one)}", class_="small muted"),
        ),
        el("p", one.get("says")),
        el("p", el("b", "Next: "), one["advice"]) if one.get("advice") else None,
        class_="finding",
    )


def _trigger(one: Mapping[str, Any]) -> str:
    """The figure that triggered a rule, beside its threshold."""
    name = quantity(str(one.get("quantity", "figure"))).name
    parts = [
        f"{name} {_short(one['figure'])}" if is_number(one.get("figure")) else "",
        f"threshold {_short(one['threshold'])}" if is_number(one.get("threshold")) else "",
    ]
    return ", ".join(filter(None, parts))


def _short(value: Any) -> str:
    """A number with three significant digits and no zeros behind them.

    Example:
        >>> _short(0.0100), _short(0.71234)
        ('0.01', '0.712')
    """
    written = significant(value)
    return written.rstrip("0").rstrip(".") if "." in written and "×" not in written else written
