"""The report of a comparison: which method is best, how sure that is, and which of its terms matter."""

from __future__ import annotations

import math

from overtone.evaluation import find_metric, metric_order
from overtone.experiments import Comparison
from overtone.report.comparison_words import (
    control_table,
    difference_in_words,
    headline_tests,
    in_words,
    score_of,
    sign,
    verdicts,
)
from overtone.report.figures import heat, whiskers
from overtone.report.markup import Child, Column, Columns, el, table, texts
from overtone.report.page import (
    FEW_QUERIES,
    Headed,
    Section,
    answer,
    bullets,
    draw,
    page,
    provenance,
    section,
    summary,
    tile,
)
from overtone.report.words import (
    DASH,
    corpus_name,
    directions_of,
    duration,
    listed,
    metric_name,
    number,
    p_value,
    plural,
    prose,
    signed,
    span,
    writer,
)


def comparison_report(comparison: Comparison) -> str:
    """The report of a comparison, as one HTML file that needs no network.

    Args:
        comparison: The comparison; what it does not have is left out of the page. ``Comparison.from_dict`` reads one
            from the JSON document that ``overtone compare --json`` prints.

    Returns:
        HTML; the same for the same input.
    """
    compared = comparison.best if len(comparison.methods) == 1 else f"{len(comparison.methods)} methods"
    lead = prose(in_words(comparison), *verdicts(comparison))
    return page(
        title=f"{compared} on {corpus_name(comparison.corpus)}",
        kind="comparison",
        head=summary(lead, _tiles(comparison), doubts(comparison), calm="Nothing looks suspicious."),
        sections=answer((ranking, controls, tests, ablation, _further_metrics, per_class, origin), comparison),
    )


def doubts(comparison: Comparison) -> list[str]:
    """What a reader should keep in mind before quoting the table."""
    found = []
    if len(comparison.seeds) < 2:
        found.append("One seed only: another seed may change the order. Compare with at least three.")
    if comparison.queries is not None and comparison.queries < FEW_QUERIES:
        queries = plural(comparison.queries, "query", "queries")
        found.append(f"There are only {queries} in each direction, so the intervals are wide.")
    chance = comparison.chance
    lower = {
        name: score.ci95[0] for name in comparison.ranked() if (score := comparison.score(name, "map")) and score.ci95
    }
    if chance is not None and (below := [name for name, low in lower.items() if low <= chance]):
        found.append(f"No better than chance ({number(chance)}): {listed(below)}.")
    return [*found, *comparison.warnings]


def _tiles(comparison: Comparison) -> Child:
    ranked, name = list(comparison.ranked()), metric_name(comparison.metric)
    if not ranked:
        return None
    best = score_of(comparison, ranked[0])
    return [
        tile(number(best.mean), f"{name}, {ranked[0]}", span(best.ci95) if best.ci95 else None),
        [tile(number(score_of(comparison, second).mean), f"{name}, {second}, second best") for second in ranked[1:2]],
        None if comparison.chance is None else tile(number(comparison.chance), f"{name} by chance"),
        tile(number(comparison.queries), "queries in each direction"),
        tile(duration(comparison.seconds), "total time"),
    ]


def ranking(comparison: Comparison) -> Section | None:
    """Every method with its interval and its single seeds, as a figure and as a table."""
    methods = comparison.ranked()
    if not methods:
        return None
    name, several = metric_name(comparison.metric), len(comparison.seeds) > 1
    scores = {method: score_of(comparison, method) for method in methods}
    figure = whiskers(
        list(methods),
        [comparison.value(method) for method in methods],
        [score.ci95 for score in scores.values()],
        [result.seeds if several else () for result in methods.values()],
        axis=f"{name}, mean of both directions",
        reference=comparison.chance,
        alt=f"{name} of {len(methods)} methods with 95 % intervals",
    )
    arrows = directions_of(comparison.modalities)
    numbers = [Column(title, best="high") for title in (*arrows.values(), "mean")]
    rows = []
    for method, score in scores.items():
        std = number(score.std) if several else DASH
        cells = [*map(score.directions.get, arrows), score.mean, std, span(score.ci95)]
        rows.append([method, *cells, duration(methods[method].seconds)])
    if comparison.chance_map:
        found = [comparison.chance_map.get(way) for way in (*arrows, "mean")]
        rows.append(["chance", *map(number, found), DASH, DASH, DASH])
    seeds = ", ".join(map(str, comparison.seeds))
    trained = (
        f"Every method was trained {len(comparison.seeds)} times, with seeds {seeds}; the small dots are single seeds."
        if several
        else "Every method was trained once, so the effect of the seed is unknown."
    )
    chance = "" if comparison.chance is None else f"The dotted line is chance, {number(comparison.chance)}."
    text = prose(trained, "Whiskers are 95 % intervals over the queries.", chance)
    caption = f"{name} on the test rows; std is over seeds, time is that of all seeds"
    numbers_table = table(["method", *numbers, "± std", "95 % interval", "time"], rows, caption=caption)
    return section("Which method is best?", text, draw(figure), numbers_table)


def controls(comparison: Comparison) -> Section | None:
    """Whether the graph helped, in words, and the differences to each control."""
    if not comparison.controls:
        return None
    tables = [control_table(comparison, method, names) for method, names in comparison.controls.items()]
    return section("Did the graph help?", *verdicts(comparison), tables)


def tests(comparison: Comparison) -> Section | None:
    """The paired tests, in words and as a table."""
    found = [test for test in comparison.paired_tests if not {test.a, test.b} & set(comparison.ablation)]
    if not found:
        return None
    several = len({test.metric for test in found}) > 1
    columns: Columns = ["first", *texts("second"), *(texts("by") if several else [])]
    holm = any(test.p_holm is not None for test in found)
    columns += ["difference", "95 % interval", "p", *(["p, Holm"] if holm else []), "seeds with the first better"]
    rows = []
    for test in found:
        chances = [test.p_value, *([test.p_holm] if holm else [])]
        ps = [p_value(p).removeprefix("p = ").removeprefix("p ") for p in chances]
        ahead = DASH if test.seeds_ahead is None else f"{test.seeds_ahead} of {len(comparison.seeds)}"
        metric = [metric_name(test.metric)] if several else []
        rows.append([test.a, test.b, *metric, signed(test.difference), span(test.ci95), *ps, ahead])
    text = (
        "Both methods answer the same queries, so their results are subtracted query by query. The interval of the "
        "mean difference comes from resampling the queries with replacement. If it contains zero, the difference may "
        "be due to the choice of queries."
    )
    if holm:
        text += " The more pairs are tested, the likelier one differs by luck: Holm's correction allows for that."
    said = bullets(difference_in_words(test) for test in headline_tests(comparison) if test in found)
    return section("Are the differences significant?", text, said, table(columns, rows))


def ablation(comparison: Comparison) -> Section | None:
    """Each term switched off in turn: what is lost, with its interval, as a figure and as a table."""
    effects = {variant: comparison.ablated(variant) for variant in comparison.ablation}
    effects = dict(sorted(effects.items(), key=lambda item: item[1].difference))
    if not effects:
        return None
    name = metric_name(comparison.metric)
    figure = whiskers(
        [effect.name for effect in effects.values()],
        [effect.difference for effect in effects.values()],
        [effect.ci95 for effect in effects.values()],
        [],
        axis=f"change of {name} when the term is off",
        reference=0,
        alt=f"Change of {name} with each of {len(effects)} terms off",
    )
    rows = []
    for variant, effect in effects.items():
        mean, seconds = score_of(comparison, variant).mean, comparison.ablation[variant].seconds
        rows.append([effect.name, mean, signed(effect.difference), span(effect.ci95), duration(seconds)])
    signs = {effect.name: sign(effect.ci95) for effect in effects.values() if effect.ci95}
    worse, same, better = ([one for one, sign in signs.items() if sign == wanted] for wanted in (-1, 0, 1))
    bases = sorted({effect.basis for effect in effects.values() if effect.basis})
    wholes = list(dict.fromkeys(effect.method for effect in effects.values()))
    text = prose(
        f"Each row is {listed(wholes, last='or')} with one term switched off. Left of the dotted line, the method is "
        "worse without the term.",
        f"Significantly worse: {listed(worse)}." if worse else "",
        f"Significantly better: {listed(better)}." if better else "",
        f"No significant difference: {listed(same)}." if same else "",
        f"The intervals are over {listed(bases)}."
        if bases
        else "With one seed and no paired test there is no interval.",
    )
    numbers = table(["variant", name, "change", "95 % interval", "time"], rows)
    return section("Which terms matter?", text, draw(figure), numbers)


def _further_metrics(comparison: Comparison) -> Section | None:
    """All other metrics, and the other embeddings of a method, such as those without the canonical projection."""
    methods, tables = comparison.ranked(), []
    found = {key for result in methods.values() for key in result.scores if key != comparison.metric}
    keys = sorted(found, key=metric_order)
    if keys:
        better = {key: "high" if (metric := find_metric(key)) is None else metric.better for key in keys}
        numbers = [Column(metric_name(key), best=better[key], write=writer(key)) for key in keys]
        rows = [[method, *(score_of(comparison, method, key).mean for key in keys)] for method in methods]
        tables.append(table(["method", *numbers], rows, caption="Mean of both directions and of the seeds"))
    arrows = directions_of(comparison.modalities)
    variants = [
        [f"{method}, {name}", *map(score.directions.get, arrows), score.mean]
        for method, result in methods.items()
        for name, scores in result.variants.items()
        if (score := scores.get(comparison.metric))
    ]
    if variants:
        others = table(["embedding", *arrows.values(), "mean"], variants)
        tables += [el("h3", "Other embeddings of the same methods"), others]
    return section("Do other metrics agree?", tables) if tables else None


def per_class(comparison: Comparison) -> Section | None:
    """mAP by class and method."""
    classes = comparison.per_class
    methods = [method for method in comparison.ranked() if method in classes]
    names = list(dict.fromkeys(name for method in methods for name in classes[method]))
    if not names:
        return None
    found = [[classes[method].get(name) for method in methods] for name in names]
    values = [[math.nan if score is None or score.mean is None else score.mean for score in row] for row in found]
    figure = heat(names, methods, values, alt=f"mAP of {len(methods)} methods by class")
    return section("How good is each method per class?", draw(figure, "mAP, mean of both directions"))


def origin(comparison: Comparison) -> Section:
    """Data, seeds, settings and time: what is needed to do it again."""
    known = {
        "data": comparison.corpus,
        "modalities": listed(comparison.modalities),
        "seeds": ", ".join(map(str, comparison.seeds)),
        "test queries": None if comparison.queries is None else f"{comparison.queries:,} in each direction",
        "time": duration(comparison.seconds),
        "checksum": comparison.checksum,
        "versions": comparison.versions,
    }
    settings: Headed = {el("code", method): values for method, values in comparison.settings.items()}
    return provenance(known, notes=comparison.notes, warnings=comparison.warnings, settings=settings)
