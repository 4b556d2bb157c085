"""The paragraph at the top of a report: what was done, and what came out, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overtone.report.contest import Contest, score
from overtone.report.diagnosed import FROZEN, Diagnosed
from overtone.report.facts import RunFacts
from overtone.report.quantities import quantity
from overtone.report.words import (
    difference_in_words,
    known_interval,
    listed,
    metric_name,
    number,
    percent,
    plural,
    span,
)


def run_in_words(facts: RunFacts) -> str:
    """What was trained on what, what the test says, and which direction is the better one."""
    sentences = [_trained(facts), _tested(facts), _directions(facts)]
    return " ".join(filter(None, sentences))


def _trained(facts: RunFacts) -> str:
    labels = "with labels" if facts.supervised else "without labels"
    train = facts.counts.get("train")
    rows = f" of {plural(train, 'training pair')}" if train else ""
    aim = f"to bring {listed(facts.modalities)}{rows} into one space"
    return f"{facts.method} was trained {labels} on {facts.corpus}, {aim}."


def _tested(facts: RunFacts) -> str:
    entry, chance = facts.evaluation.get("map"), facts.evaluation.get("chance_map", {}).get("mean")
    tests = plural(len(facts.ids), "test pair")
    if entry and entry.get("mean") is not None:
        interval = f" (95 % interval {span(entry.get('ci95'))})" if known_interval(entry.get("ci95")) else ""
        against = f", where chance would give {number(chance)}" if chance is not None else ""
        return f"On {tests} it reaches a mean average precision of {number(entry['mean'])}{interval}{against}."
    metric = facts.first_metric
    if metric is None:
        return ""
    share, cutoff = facts.evaluation[metric].get("mean"), int(metric.partition("@")[2])
    if share is None:
        return ""
    chance = min(1.0, cutoff / max(1, len(facts.ids)))
    return (
        f"The data has no labels, so it is judged by partners: of {tests}, {percent(share)} find their other half "
        f"among the first {cutoff} items, where chance would give {percent(chance, 1)}."
    )


def _directions(facts: RunFacts) -> str:
    metric = facts.first_metric
    values = {key: facts.evaluation[metric].get(key) for key in facts.arrows} if metric else {}
    if not values or None in values.values():
        return ""
    worse, better = sorted(values, key=lambda key: values[key])
    if abs(values[better] - values[worse]) < 0.005:
        return "Both directions do equally well."
    return f"{facts.arrows[better]} is the better direction ({number(values[better])} against {number(values[worse])})."


def comparison_in_words(contest: Contest) -> str:
    """Who was compared on what, who is ahead, and whether the lead over the next is more than chance."""
    names = list(contest.methods)
    if not names:
        return "There is nothing to compare."
    times = plural(len(contest.seeds), "seed") + (" each" if len(names) > 1 else "")
    queries = contest.comparison.get("queries")
    asked = f", and judged by {queries:,} queries in each direction" if isinstance(queries, int) else ""
    name = metric_name(contest.metric)[0]
    best = contest.methods[names[0]].get(contest.metric) or {}
    interval = f" (95 % interval {span(best.get('ci95'))})" if known_interval(best.get("ci95")) else ""
    who = f"{len(names)} methods were" if len(names) > 1 else f"{names[0]} was"
    trained = f"{who} trained on {contest.corpus}"
    praise = f"{names[0]} is best: its" if len(names) > 1 else "Its"
    sentences = [
        f"{trained} with {times}{asked}.",
        f"{praise} {name} on the test rows is {number(score(contest.methods[names[0]]))}{interval}.",
    ]
    if len(names) > 1:
        sentences.append(_lead(contest, names[0], names[1]))
    if (better := _better_direction(contest, best)) is not None:
        sentences.append(better)
    return " ".join(sentences)


def _lead(contest: Contest, first: str, second: str) -> str:
    test = contest.test(first, second)
    if test is None:
        ahead = score(contest.methods[first]) - score(contest.methods[second])
        return f"The next, {second}, is {number(ahead)} behind; the two were not tested against each other."
    return difference_in_words(first, second, test)


def _better_direction(contest: Contest, best: Mapping[str, Any]) -> str | None:
    values = {key: best[key] for key in contest.arrows if best.get(key) is not None}
    if len(values) < 2:
        return None
    worse, better = sorted(values, key=lambda key: values[key])
    if values[better] - values[worse] < 0.005:
        return "Both directions do equally well."
    return (
        f"Its better direction is {contest.arrows[better]} ({number(values[better])} against {number(values[worse])})."
    )


def diagnosis_in_words(diagnosed: Diagnosed) -> str:
    """Which losses were trained on what, which finds best, and which makes classes small or keeps them wide."""
    names = list(diagnosed.losses)
    if not names:
        return f"The {FROZEN} of {diagnosed.corpus} as they came; no loss was trained on them."
    heads = f"{len(names)} losses each trained" if len(names) > 1 else f"{names[0]} trained"
    times = plural(len(diagnosed.seeds), "seed")
    rows, classes = diagnosed.count("rows", "test"), diagnosed.count("classes", "test")
    counted = [
        plural(rows, "test row") if rows else "the test rows",
        plural(classes, "class", "classes") if classes else "",
    ]
    unseen = ", none of which was trained on" if diagnosed.diagnosis.get("class_disjoint") else ""
    sentences = [
        f"{heads} a head on the frozen features of {diagnosed.corpus}, with {times}; retrieval is judged "
        f"{diagnosed.retrieval}, on {' of '.join(filter(None, counted))}{unseen}.",
        _best_loss(diagnosed, names),
        _widths(diagnosed),
    ]
    return " ".join(filter(None, sentences))


def _best_loss(diagnosed: Diagnosed, names: list[str]) -> str:
    about, top = quantity(diagnosed.metric), diagnosed.measured(names[0], diagnosed.metric)
    if top.mean is None:
        return ""
    before = diagnosed.measured(FROZEN, diagnosed.metric).mean
    against = f", where the {FROZEN} have {about.write(before)}" if before is not None else ""
    if len(names) == 1:
        return f"Its {about.name} is {about.write(top.mean)}{against}."
    if diagnosed.champion(diagnosed.metric) == names[0]:
        return f"{names[0]} finds best: its {about.name} is {about.write(top.mean)}{against}."
    return (
        f"{names[0]} has the highest {about.name}, {about.write(top.mean)}{against}, but its lead is not beyond "
        "doubt against every other loss."
    )


def _widths(diagnosed: Diagnosed) -> str:
    about, order = quantity("intra_variance"), diagnosed.ordered("intra_variance")
    if len(order) < 2:
        return ""
    (low, compact), (high, wide) = order[0], order[-1]
    return (
        f"{compact} makes the most compact classes (intra-class variance {about.write(low)}), {wide} keeps the most of "
        f"their diversity ({about.write(high)})."
    )
