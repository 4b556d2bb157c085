"""``hog-motion`` on planted motion, and ``char-ngrams`` on spelling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.media import make_backbone
from overtone.media.backbones.hog_motion import motion
from overtone.media.parts import embed_parts, prepare_parts


def moving_square(step: tuple[int, int], frames: int = 6) -> Tensor:
    """(1, T, 3, 32, 32): a bright square that moves by so many pixels down and to the right at each step."""
    clip = torch.zeros(1, frames, 3, 32, 32)
    for time in range(frames):
        down, across = 12 + step[0] * (time - frames // 2), 12 + step[1] * (time - frames // 2)
        clip[0, time, :, down : down + 8, across : across + 8] = 1.0
    return clip


@pytest.mark.parametrize(
    ("step", "wanted"), [((0, 1), 0), ((1, 0), 1), ((0, -1), 2), ((-1, 0), 3)], ids=["right", "down", "left", "up"]
)
def test_direction_of_motion_is_the_strongest_bin(step: tuple[int, int], wanted: int) -> None:
    """Four bins of a quarter turn, of which the first begins at the right: a motion on its border falls to either."""
    votes = motion(moving_square(step), grid=1, directions=8)[0, :8]
    centre = 2 * wanted
    along = votes[centre] + votes[centre - 1]
    against = votes[(centre + 4) % 8] + votes[(centre + 3) % 8]
    assert along > 3 * against


def test_what_stands_still_has_no_motion_and_what_flickers_has_an_amount() -> None:
    still = moving_square((0, 0))
    assert motion(still).abs().max() == 0
    flicker = still.clone()
    flicker[:, ::2] = 0
    found = motion(flicker, grid=1)[0]
    assert found[8] > 0.05
    assert motion(moving_square((0, 2)), grid=1)[0, 8] > motion(moving_square((0, 1)), grid=1)[0, 8]


def text_row(text: str, **settings: Any) -> Tensor:
    backbone = make_backbone("char-ngrams", settings, modality="text")
    return embed_parts(backbone, [prepare_parts(backbone, text)])[0]


def test_texts_are_alike_where_their_spelling_is() -> None:
    owl, owls, bird = text_row("an owl"), text_row("Two OWLS"), text_row("a bird")
    assert owl.shape == (1024,)
    assert owl.norm().item() == pytest.approx(1.0)
    assert owl @ owls > 0.3 > owl @ bird
    assert torch.equal(text_row("ＡＮ OWL"), owl)  # full-width letters
    assert text_row("сова").norm().item() == pytest.approx(1.0)
    assert text_row("").abs().max() == 0


def test_the_numbers_of_a_text_stay_the_same() -> None:
    """Stores hold rows that were made years ago."""
    wanted = [0, -2, 0, -1, 0, 2, 1, 1, -1, 0, 0, 0, 1, 0, 1, -1]  # of 15 strings
    np.testing.assert_allclose(text_row("an owl", width=16) * 15**0.5, wanted, atol=1e-5)


def test_text_settings() -> None:
    assert text_row("an owl", width=64).shape == (64,)
    with pytest.raises(InputError, match="shortest strings are longer than the longest; got 5 and 4"):
        make_backbone("char-ngrams", {"shortest": 5})
