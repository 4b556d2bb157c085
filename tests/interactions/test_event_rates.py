"""Rates of rare classes: where classes of their frequency lie, as far as their own scores say little."""

import pytest
import torch

from overtone.interactions.event_rates import lean_on_trend


def test_rates_on_a_line_of_frequency_stay():
    annotated = torch.tensor([5.0, 20.0, 80.0, 400.0]).double()
    even = torch.full((4,), 0.03).double()
    assert lean_on_trend(even, annotated).tolist() == pytest.approx(even.tolist())


def test_rare_classes_go_to_the_line_and_frequent_ones_stay():
    annotated = torch.tensor([10.0, 100.0, 200.0, 400.0, 800.0]).double()
    rates = torch.tensor([0.4, 0.03, 0.03, 0.03, 0.03]).double()
    found = lean_on_trend(rates, annotated)
    assert found[0] < 0.05
    assert (found[1:] / rates[1:]).tolist() == pytest.approx([1.0] * 4, abs=0.1)


def test_the_line_follows_frequencies_but_does_not_fall_with_them():
    annotated = torch.tensor([5.0, 300.0, 600.0, 1200.0, 2400.0]).double()
    rising = lean_on_trend(annotated / 20000, annotated)
    assert rising[0] < 0.003 < rising[1]
    falling = lean_on_trend(20 / annotated, annotated)
    assert falling[0] == pytest.approx(float((20 / annotated[1:]).log().mean().exp()), rel=0.5)


def test_classes_that_nobody_annotated_take_the_line():
    found = lean_on_trend(torch.tensor([0.5, 0.02, 0.02]).double(), torch.tensor([0.0, 300.0, 300.0]).double())
    assert found[0] == pytest.approx(0.02, rel=0.3)
    assert lean_on_trend(torch.tensor([0.5]).double(), torch.tensor([0.0]).double()).tolist() == [0.5]
