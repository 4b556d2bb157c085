"""Which term of a method carries its result."""

from __future__ import annotations

from overtone.report.contest import Contest, score
from overtone.report.figures import whiskers
from overtone.report.markup import markup
from overtone.report.page import Section, draw, paragraphs
from overtone.report.tables import Column, table
from overtone.report.words import duration, listed, metric_name, signed, span


def ablation(contest: Contest) -> Section | None:
    """Each term switched off in turn: what is lost, with its interval, as a figure and as a table."""
    if not contest.ablation:
        return None
    name = metric_name(contest.metric)[0]
    rows = sorted(
        ((variant, contest.ablated(variant)) for variant in contest.ablation), key=lambda row: row[1]["difference"]
    )
    figure = whiskers(
        [row["name"] for _, row in rows],
        [row["difference"] for _, row in rows],
        [row["ci95"] for _, row in rows],
        [],
        axis=f"change of {name} when the term is off",
        reference=0,
        alt=f"Change of {name} with each of {len(rows)} terms off",
    )
    columns = [Column("variant", "name"), Column(name), Column("change"), Column("95 % interval"), Column("time")]
    lines = [
        [row["name"], score(contest.ablation[variant]), signed(row["difference"]), span(row["ci95"]),
         duration(contest.ablation[variant].get("seconds"))]
        for variant, row in rows
    ]  # fmt: skip
    body = [paragraphs(in_words(contest)), draw(figure), table(columns, lines)]
    return Section("Which terms carry the result?", markup(body))


def in_words(contest: Contest) -> str:
    """Which terms are needed, which are not, and where the intervals come from."""
    rows = [contest.ablated(variant) for variant in contest.ablation]
    needed = [row["name"] for row in rows if row["ci95"] and row["ci95"][1] < 0]
    harmful = [row["name"] for row in rows if row["ci95"] and row["ci95"][0] > 0]
    open_ = [row["name"] for row in rows if row["ci95"] and row["ci95"][0] <= 0 <= row["ci95"][1]]
    wholes = list(dict.fromkeys(row["whole"] for row in rows))
    bases = sorted({row["basis"] for row in rows if row["basis"]})
    sentences = [
        f"Each row is {listed(wholes, last='or')} with one term switched off; left of the dotted line, the term "
        "was worth having.",
        f"Clearly worse: {listed(needed)}." if needed else "",
        f"Clearly better: {listed(harmful)}." if harmful else "",
        f"No clear difference: {listed(open_)}." if open_ else "",
        f"The intervals are taken over {listed(bases)}."
        if bases
        else "With one seed and no paired test there is no interval.",
    ]
    return " ".join(filter(None, sentences))
