"""``char-ngrams``: which short strings of letters a text has; no weights, so the same numbers everywhere."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field
from torch import Tensor

from overtone.core import InputError, Settings
from overtone.media.backbones import Backbone, Prepared, Takes, backbones

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import HashingVectorizer


class CharNgramsSettings(Settings):
    """What is counted."""

    width: int = Field(default=1024, ge=16, le=1 << 20)
    """Number of features; strings are hashed into them, each with a sign, so that collisions cancel on average."""
    shortest: int = Field(default=2, ge=1)
    """Letters of the shortest strings."""
    longest: int = Field(default=4, ge=1)
    """Letters of the longest strings; none crosses the border of a word, which counts as a space."""


@backbones.register("char-ngrams")
class CharNgrams(Backbone):
    """Hashed counts of character n-grams within words, of length 1.

    Texts are alike where their spelling is: "owl" and "owls", but not "owl" and "bird". It works in any language that
    puts spaces between words, and knows no meaning.

    Source:
        Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009; the counts are those of
        scikit-learn's ``HashingVectorizer``.
    """

    name: ClassVar[str] = "char-ngrams"
    settings_type: ClassVar[type[Settings]] = CharNgramsSettings
    kinds: ClassVar[tuple[Takes, ...]] = ("text",)
    settings: CharNgramsSettings

    def open(self, wanted: tuple[Takes, ...]) -> Takes:
        """Check the lengths, and make the counter of strings."""
        if self.settings.shortest > self.settings.longest:
            got = f"{self.settings.shortest} and {self.settings.longest}"
            raise InputError("char-ngrams: the shortest strings are longer than the longest", got=got)
        self.vectorizer = _make_vectorizer(self.settings)
        return super().open(wanted)

    def prepare(self, medium: str) -> Prepared:
        """The counts, (width,) float32; compatible forms of letters count as one, and so do capitals and small ones."""
        text = unicodedata.normalize("NFKC", medium).casefold()
        counts: Any = self.vectorizer.transform([text])
        return np.asarray(counts.toarray()[0], dtype=np.float32)

    def embed(self, batch: Tensor) -> Tensor:
        """(n, width) counts as they are."""
        return batch.float()


def _make_vectorizer(settings: CharNgramsSettings) -> HashingVectorizer:
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        analyzer="char_wb", ngram_range=(settings.shortest, settings.longest), n_features=settings.width
    )
