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
from overtone.report.words import listed, significant

CALM = "No rule was triggered: nothing about it looks wrong."


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
        for name in diagnosed.styles
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
    if not any("verdict" in entry for entry in diagnosed.losses.values()):
        return None
    cards = [
        el("div", el("h4", named(name, diagnosed.styles)), _findings(entry.get("verdict") or ()), class_="card verdict")
        for name, entry in diagnosed.losses.items()
    ]
    text = (
        "Each rule compares one figure with a threshold that was fixed beforehand. A rule that fires is a hint at "
        "what to look into; the figure says how far it is."
    )
    return Section(
        "What looks wrong, and what to try next?", markup(paragraphs(text), el("div", cards, class_="cards"))
    )


def _findings(findings: Any) -> Child:
    written = [_finding(one) for one in findings if isinstance(one, Mapping)]
    return written or el("p", CALM, class_="muted")


def _finding(one: Mapping[str, Any]) -> Markup:
    rule = str(one.get("rule", "")).replace("_", " ").replace("-", " ")
    return el(
        "div",
        el("p", el("b", rule[:1].upper() + rule[1:])),
        paragraphs(one.get("says")),
        el("p", el("span", "Try: ", class_="muted"), one["advice"]) if one.get("advice") else None,
        el("p", _trigger(one), class_="small muted"),
        class_="finding",
    )


def _trigger(one: Mapping[str, Any]) -> str:
    """The figure that triggered a rule, beside its threshold."""
    name = quantity(str(one.get("quantity", "figure"))).name
    parts = [
        f"{name} {significant(one['figure'])}" if is_number(one.get("figure")) else "",
        f"threshold {significant(one['threshold'])}" if is_number(one.get("threshold")) else "",
    ]
    return listed(list(filter(None, parts)), last="against the")
