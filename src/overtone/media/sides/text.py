"""The side for texts: BERT and its kin; the text side of CLIP, SigLIP and CLAP."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import json_text
from overtone.media.backbones import Prepared
from overtone.media.sides import Choice, Output, Side
from overtone.media.stored_models import PretrainedModel, StoredModel

_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
"""Where the words of a tokenizer are stored."""
_UNBOUNDED = 1 << 20
"""Tokens: what a tokenizer without a limit of its own has."""


class TextSide(Side):
    """A prepared text is (2, tokens): the numbers of its tokens, and 1 where there is one; longer texts are cut off."""

    projection = "get_text_features"

    def __init__(self, stored: StoredModel, model: PretrainedModel, lacking: set[str], choice: Choice) -> None:
        super().__init__(stored, model, lacking, choice)
        if not any(stored.file(name) for name in _FILES):  # the library would make up one that knows no word
            what = f"{stored.name}: no tokenizer is stored beside the model"
            raise InputError(what, valid=", ".join(_FILES), fix="save it there (save_pretrained)")
        self.tokenizer = stored.companion("AutoTokenizer")
        places = getattr(getattr(model.config, "text_config", model.config), "max_position_embeddings", _UNBOUNDED)
        self.tokens = int(min(choice.limit, self.tokenizer.model_max_length, places))
        self.masks = "attention_mask" in self.tokenizer.model_input_names

    def outputs(self, lacking: set[str]) -> list[Output]:
        if self.projects:
            return ["pooled", "mean"]
        pools = getattr(self.model, "pooler", None) is not None and not lacking
        return ["mean", "cls", *(["pooled"] if pools else [])]

    def prepare(self, medium: str) -> Prepared:
        found = self.tokenizer(
            medium, padding="max_length", truncation=True, max_length=self.tokens, return_attention_mask=True
        )
        return np.array([found["input_ids"], found["attention_mask"]], np.int64)

    def embed(self, batch: Tensor) -> Tensor:
        ids, mask = batch.unbind(dim=1)
        inputs = {"input_ids": ids, **({"attention_mask": mask} if self.masks else {})}
        if self.output == "projected":
            return self.project(**inputs)
        model = self.model.text_model if self.projects else self.model
        return self.take(model(**inputs, **self.states), mask.float())

    def example(self) -> str:
        return "a"

    def preprocessing(self) -> dict[str, Any]:
        words = json_text(sorted(self.tokenizer.get_vocab().items()))
        vocabulary = hashlib.sha256(words.encode()).hexdigest()
        return {"tokens": self.tokens, "vocabulary": vocabulary, "output": self.output}
