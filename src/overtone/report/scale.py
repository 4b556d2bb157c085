"""A line from 0 to 1 with chance, mean and interval on it: the result at a glance, without a library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overtone.report.markup import Markup, el
from overtone.report.words import known_interval, number


def scale(evaluation: Mapping[str, Any]) -> Markup | None:
    """Mean test mAP and its interval between chance and perfect; None without a mAP."""
    entry = evaluation.get("map", {})
    mean, chance = entry.get("mean"), evaluation.get("chance_map", {}).get("mean")
    if mean is None or chance is None:
        return None
    low, high = entry["ci95"] if known_interval(entry.get("ci95")) else (mean, mean)
    places = [
        el("line", x1="0%", x2="100%", y1=26, y2=26, class_="track"),
        el("line", x1=_at(low), x2=_at(high), y1=26, y2=26, class_="range"),
        el("line", x1=_at(chance), x2=_at(chance), y1=16, y2=36, class_="chance"),
        el("circle", cx=_at(mean), cy=26, r=7, class_="dot"),
        el("text", "0", x="0%", y=54, text_anchor="start"),
        el("text", "1", x="100%", y=54, text_anchor="end"),
        el("text", f"chance {number(chance)}", x=_at(chance), y=54, text_anchor=_anchor(chance)),
        el("text", f"mAP {number(mean)}", x=_at(mean), y=10, text_anchor=_anchor(mean)),
    ]
    return el("svg", places, class_="scale", role="img", aria_label=f"mAP {number(mean)}, by chance {number(chance)}")


def _at(value: float) -> str:
    return f"{100 * min(1.0, max(0.0, value)):.1f}%"


def _anchor(value: float) -> str:
    return "start" if value < 0.06 else "end" if value > 0.94 else "middle"
