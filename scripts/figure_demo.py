"""Draws docs/images/demo.svg, the figure of the README, from the comparison that ``overtone demo`` stores."""

from __future__ import annotations

import argparse
from html import escape
from pathlib import Path

from overtone.core.files import write_text
from overtone.experiments import Comparison

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "demo.svg"
LEFT, SCALE, ROW, TOP = 90, 480, 30, 46
"""Pixels: where the bars begin, of a mAP of 1, between two bars, and above the first one."""
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; } .small { font-size: 11px; fill: #57606a; }
  rect { fill: #8fa3bf; } rect.best { fill: #2f6fb7; } line { stroke: #24292f; } .grid { stroke: #d0d7de; }
  .chance { stroke: #cf6a3c; stroke-dasharray: 4 3; } .sheet { fill: #ffffff; }
"""


def draw(comparison: Comparison) -> str:
    """Bars of mAP with their 95 % intervals, the best method first, and the level of chance.

    Args:
        comparison: Of methods on labelled data.

    Returns:
        An SVG document.
    """
    ranked = comparison.ranked()
    bottom = TOP + ROW * len(ranked)
    parts = [
        f'<text x="{LEFT}" y="18">mAP on {escape(comparison.corpus)} (mean of both directions, 95 % interval)</text>'
    ]
    for tenth in range(0, 11, 2):
        x = LEFT + SCALE * tenth / 10
        parts.append(f'<line class="grid" x1="{x:.0f}" x2="{x:.0f}" y1="{TOP - 8}" y2="{bottom}"/>')
        parts.append(f'<text class="small" x="{x - 8:.0f}" y="{bottom + 16}">{tenth / 10:.1f}</text>')
    for place, (name, result) in enumerate(ranked.items()):
        score, y = result.scores[comparison.metric], TOP + ROW * place
        low, high = (LEFT + SCALE * end for end in score.ci95 or (score.mean or 0.0,) * 2)
        end = LEFT + SCALE * (score.mean or 0.0)
        best = ' class="best"' if name == comparison.best else ""
        parts += [
            f'<text x="{LEFT - 10}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect{best} x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" height="20"/>',
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y + 10}" y2="{y + 10}"/>',
            *(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y + 6}" y2="{y + 14}"/>' for x in (low, high)),
            f'<text x="{high + 8:.1f}" y="{y + 14}">{score.mean or 0.0:.3f}</text>',
        ]
    x = LEFT + SCALE * (comparison.chance or 0.0)
    parts.append(f'<line class="chance" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{bottom}"/>')
    parts.append(f'<text class="small" x="{x + 4:.1f}" y="{TOP - 12}">chance {comparison.chance or 0.0:.3f}</text>')
    size = f'width="{LEFT + SCALE + 80}" height="{bottom + 26}"'
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="mAP of each method">\n'
        f'<style>{STYLE}</style>\n<rect class="sheet" width="100%" height="100%"/>\n{body}\n</svg>\n'
    )


def main() -> None:
    """Draw the figure of stored results, or of a demo that is run first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, help="comparison.json of a demo; by default the demo is run")
    stored = parser.parse_args().results
    if stored is None:
        import overtone

        comparison = overtone.demo()
    else:
        import json

        comparison = Comparison.from_dict(json.loads(stored.read_text(encoding="utf-8")))
    write_text(TARGET, draw(comparison))
    print(TARGET)


if __name__ == "__main__":
    main()
