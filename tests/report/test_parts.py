"""The parts a report is made of: escaping, ranks, confusion, maps, figures."""

from __future__ import annotations

import base64
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.offline import get_plotlyjs

from overtone.report.figures import Figure, heat, whiskers
from overtone.report.maps import MOST_PAIRS, neighbours, principal, spaced
from overtone.report.markup import el, link_to_media
from overtone.report.page import draw, packed_library
from overtone.report.palette import class_colour
from overtone.report.retrieval import Direction, confusion, rank_bins, rank_shares, telling
from overtone.report.words import difference_in_words, duration, number


@given(st.text())
def test_no_text_leaves_its_element(text: str) -> None:
    written = el("td", text, title=text)
    inside = written.removeprefix('<td title="').removesuffix("</td>")
    assert inside.count("<") == 0
    assert inside.count('"') == 1


@given(st.text())
def test_no_figure_ends_its_script(text: str) -> None:
    html = draw(Figure([{"name": text}], "alt"))
    assert html.count("</script>") == 1
    assert html.count("<") == 6  # three elements, none of the text's


def test_the_library_unpacks_to_the_library() -> None:
    assert gzip.decompress(base64.b64decode(packed_library())).decode() == get_plotlyjs()


@pytest.mark.parametrize(
    "path", ["javascript:alert(1)", "https://example.org/a", "//example.org/a", "\\\\host\\a", "data:x"]
)
def test_addresses_with_a_scheme_are_not_linked(path: str) -> None:
    assert "href" not in link_to_media(path, "x")


def test_partner_ranks_and_rankings_agree_with_a_full_sort() -> None:
    generator = np.random.default_rng(0)
    queries, gallery = generator.normal(size=(2, 50, 5))
    direction = Direction(queries, gallery)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, gallery)]
    order = np.argsort(-(unit[0] @ unit[1].T), axis=1)
    expected = (order == np.arange(50)[:, None]).argmax(1) + 1
    assert direction.partner_ranks.tolist() == expected.tolist()
    assert direction.first_hits.tolist() == order[:, 0].tolist()
    assert [hit.row for hit in direction.ranking(7, 50)] == order[7].tolist()
    assert direction.partner_rank(7) == expected[7]


def test_tied_partners_share_their_places() -> None:
    ones = np.ones((5, 2))
    assert Direction(ones, ones).partner_ranks.tolist() == [3.0] * 5


def test_large_sets_are_looked_at_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overtone.report.retrieval.MOST_QUERIES", 10)
    monkeypatch.setattr("overtone.report.retrieval.BLOCK", 300)  # three queries at a time
    rows = np.random.default_rng(0).normal(size=(100, 4))
    direction = Direction(rows, rows)
    assert direction.rows.tolist() == np.linspace(0, 99, 10).astype(int).tolist()
    assert direction.partner_ranks.tolist() == [1.0] * 10


def test_equal_scores_are_told_apart_by_their_rows() -> None:
    assert telling(np.zeros(5), np.array([4, 3, 2, 1, 0])) == {"best": 0, "median": 2, "worst": 4}
    assert telling(np.array([np.nan]), np.array([0])) == {}
    assert telling(np.array([1.0]), np.array([9])) == {"best": 9}


def test_confusion_shares_a_row_among_its_classes() -> None:
    asked = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0]], dtype=bool)
    found = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0]], dtype=bool)
    shares = confusion(asked, found)
    assert shares[0].tolist() == pytest.approx([0.4, 0.6, 0.0])
    assert shares[1].tolist() == pytest.approx([0.0, 1.0, 0.0])
    assert np.isnan(shares[2]).all()


@given(st.integers(1, 300_000))
def test_rank_bins_hold_every_rank_once(longest: int) -> None:
    bins = rank_bins(longest)
    assert bins[0] == (1, 1)
    assert all(low <= high for low, high in bins)
    assert [low for low, _ in bins[1:]] == [high + 1 for _, high in bins[:-1]]
    assert bins[-1][1] == longest


def test_rank_shares_add_up_also_with_shared_places() -> None:
    ranks = np.array([1.0, 1.5, 3.5, 50.0])
    assert rank_shares(ranks, rank_bins(50)).tolist() == [0.25, 0.25, 0.25, 0.0, 0.25]


def test_principal_directions_keep_distances_and_signs() -> None:
    flat = np.random.default_rng(0).normal(size=(30, 2)) * [3, 1]
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0][:2]
    places, share = principal(flat @ turned)
    assert share == pytest.approx(1.0)
    distances = [np.linalg.norm(rows[:, None] - rows[None], axis=-1) for rows in (flat, places)]
    np.testing.assert_allclose(distances[1], distances[0], atol=1e-9)
    mirrored, _ = principal(flat[::-1] @ turned)
    np.testing.assert_allclose(mirrored[::-1], places, atol=1e-9)


def test_maps_of_little_or_nothing() -> None:
    assert principal(np.ones((3, 4)))[1] == 0.0
    assert principal(np.ones((1, 1)))[0].shape == (1, 2)
    assert neighbours(np.ones((100, 4))) is None
    assert neighbours(np.eye(10)) is None


def test_neighbours_come_to_lie_together() -> None:
    centres = np.repeat(np.eye(3), 30, axis=0)
    points = centres + 0.01 * np.random.default_rng(0).normal(size=(90, 3))
    places = neighbours(points)
    assert places is not None
    nearest = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(90)
    assert (nearest.argmin(1) // 30 == np.arange(90) // 30).all()


def test_points_of_a_map_are_capped() -> None:
    assert len(spaced(1_000_000)) == MOST_PAIRS
    assert spaced(3).tolist() == [0, 1, 2]


def test_twenty_four_classes_have_colours_of_their_own() -> None:
    assert len({class_colour(number) for number in range(24)}) == 24


def test_equal_names_keep_their_own_cells() -> None:
    figure = heat(["a", "a"], ["b", "b"], np.eye(2), alt="", numbers=True)
    assert len(set(figure.data[0]["x"])) == 2


def test_whiskers_of_one_value_have_room() -> None:
    low, high = whiskers(["a"], [0.5], [None], [], axis="", alt="").layout["xaxis"]["range"]
    assert low < 0.5 < high


def test_whiskers_show_the_reference_however_far_it_is() -> None:
    low, high = whiskers(["a"], [-0.5], [(-0.6, -0.4)], [], axis="", alt="", reference=0).layout["xaxis"]["range"]
    assert low < -0.6
    assert high > 0


def test_numbers_in_words() -> None:
    assert number(-0.00001) == "0.000"
    assert number(-0.5) == "−0.500"
    assert duration(59.99) == "1 min 0 s"
    assert duration(None) == "–"
    assert difference_in_words("a", "b", {"difference": None}) == "a and b were not compared query by query."
