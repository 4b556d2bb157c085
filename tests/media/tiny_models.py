"""Tiny random models of each family that a backbone takes, as they are stored; each is made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
WAVES = {**SMALL, "conv_dim": (8, 8), "conv_stride": (5, 4), "conv_kernel": (10, 8), "num_feat_extract_layers": 2}
WAVES |= {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
TEXT = {**SMALL, "vocab_size": 40, "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1}
TEXT |= {"pad_token_id": 2, "projection_dim": 12}
VISION = {**SMALL, "image_size": 32, "patch_size": 8, "projection_dim": 12}
CLAP = {"spec_size": 64, "hidden_size": 32, "patch_embeds_hidden_size": 16, "depths": [1, 1], "num_hidden_layers": 2}
CLAP |= {"num_attention_heads": [2, 2], "num_mel_bins": 16, "window_size": 4, "projection_dim": 12}
PIXELS = (
    '{"size": {"height": 32, "width": 32}, "resample": 2, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}'
)


def library() -> Any:
    """The library transformers; without it what needs it is skipped."""
    return pytest.importorskip("transformers")


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = [
        "<s>",
        "</s>",
        "<pad>",
        "<unk>",
        *["an", "owl", "sings", "in", "the", "big", "green", "tree", "of", "a", "town"],
    ]
    found = Tokenizer(models.WordLevel({word: number for number, word in enumerate(dict.fromkeys(words))}, "<unk>"))
    found.pre_tokenizer = pre_tokenizers.Whitespace()
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return library().PreTrainedTokenizerFast(tokenizer_object=found, model_max_length=10, **names)


def clap_of(fusion: bool) -> Any:
    return library().ClapModel(
        library().ClapConfig(
            text_config=TEXT,
            audio_config={**CLAP, "enable_fusion": fusion, "aff_block_r": 1},
            projection_dim=12,
        )
    )


def clap_extractor(fusion: bool) -> Any:
    return library().ClapFeatureExtractor(
        feature_size=16,
        max_length_s=2,
        sampling_rate=16_000,
        fft_window_size=400,
        hop_length=160,
        truncation="fusion" if fusion else "rand_trunc",
    )


def whisper() -> Any:
    config = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "vocab_size": 40, "max_source_positions": 100}
    config |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    config |= {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3}
    return library().WhisperModel(library().WhisperConfig(**config))


MODELS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "wav2vec2": lambda: (
        library().Wav2Vec2Model(library().Wav2Vec2Config(**WAVES)),
        library().Wav2Vec2FeatureExtractor(),
    ),
    "hubert": lambda: (library().HubertModel(library().HubertConfig(**WAVES)), library().Wav2Vec2FeatureExtractor()),
    "ast": lambda: (
        library().ASTModel(library().ASTConfig(**SMALL, max_length=128, num_mel_bins=32)),
        library().ASTFeatureExtractor(max_length=128, num_mel_bins=32),
    ),
    "whisper": lambda: (whisper(), library().WhisperFeatureExtractor(chunk_length=2)),
    "clap": lambda: (clap_of(False), clap_extractor(False), tokenizer()),
    "clap-fusion": lambda: (clap_of(True), clap_extractor(True), tokenizer()),
    "bert": lambda: (library().BertModel(library().BertConfig(**TEXT)), tokenizer()),
    "clip": lambda: (
        library().CLIPModel(library().CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=12)),
        tokenizer(),
    ),
    "siglip": lambda: (
        library().SiglipModel(library().SiglipConfig(text_config=TEXT, vision_config=VISION)),
        tokenizer(),
    ),
    "vit": lambda: (library().ViTModel(library().ViTConfig(**SMALL, image_size=32, patch_size=8)),),
    "dinov2": lambda: (
        library().Dinov2Model(library().Dinov2Config(**SMALL, image_size=32, patch_size=8, mlp_ratio=2)),
    ),
    "resnet": lambda: (
        library().ResNetModel(
            library().ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
        ),
    ),
    "videomae": lambda: (
        library().VideoMAEModel(library().VideoMAEConfig(**SMALL, image_size=32, patch_size=8, num_frames=4)),
    ),
    "xclip": lambda: (
        library().XCLIPModel(
            library().XCLIPConfig(
                text_config=TEXT,
                vision_config={**VISION, "num_frames": 4, "mit_hidden_size": 16, "mit_intermediate_size": 32}
                | {"mit_num_hidden_layers": 1, "mit_num_attention_heads": 2},
                projection_dim=16,
            )
        ),
        tokenizer(),
    ),
}


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Name to what names the stored model on the command line; each is made once."""
    library().logging.set_verbosity_error()
    root = tmp_path_factory.mktemp("models")

    def place(name: str) -> str:
        if not (root / name).is_dir():
            torch.manual_seed(0)
            for part in MODELS[name]():
                part.save_pretrained(root / name)
            if not (root / name / "preprocessor_config.json").is_file():
                (root / name / "preprocessor_config.json").write_text(PIXELS)
        return f"transformers:{root / name}"

    return place
