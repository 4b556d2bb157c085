"""``small-net``: a small residual network for small images, trained here, in minutes, on the training split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor, nn

from overtone.core import InputError, ProgressCallback, Settings
from overtone.core.files import load_tensors
from overtone.media.backbones import Takes, TrainedBackbone, backbones
from overtone.media.decoding.images import Image, Pixels, resize_square
from overtone.media.loading import Loader, make_reporter

_SHIFT = 8
"""Training images are shifted by up to an eighth of their side."""

_SIDE = "side"
"""Key of the size of the images among the stored weights."""


class SmallNetSettings(Settings):
    """The network and its training."""

    side: int = Field(default=32, ge=16)
    """Images are resized to side × side pixels."""
    width: int = Field(default=32, ge=4)
    """Channels of the first layer; there are four times as many features."""
    epochs: int = Field(default=10, ge=1)
    """Passes over the training images."""
    batch_size: int = Field(default=256, ge=2)
    """Images per training step."""
    lr: float = Field(default=0.2, gt=0)
    """Highest learning rate of SGD with Nesterov momentum; it rises for a fifth of the steps, then falls to 0."""
    weight_decay: float = Field(default=5e-4, ge=0)
    """Of the optimiser."""
    max_images: int = Field(default=100_000, ge=2)
    """Highest number of training images, drawn at random; they stay in memory, 3 · side² bytes each."""
    labels: bool = True
    """Train on the labels; if false, or without labels, on predicting by how many quarter turns an image is turned."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format of the products in training; bf16 is faster where the processor has it."""
    weights: str = ""
    """Weights of an earlier extraction (.safetensors), instead of a training: the same features for other images."""


class _SmallNet(nn.Module):
    """Three stages of convolutions at a half, a quarter and an eighth of the side, then the mean over places.

    ``classes`` are the outputs of the linear layer that only the training uses.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _step(3, width, kernel=4, stride=2),
            _Residual(width),
            nn.MaxPool2d(2),
            _step(width, 2 * width),
            _Residual(2 * width),
            nn.MaxPool2d(2),
            _step(2 * width, 4 * width),
            _Residual(4 * width),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(4 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, side, side) in 0..1 to (n, 4 · width) features."""
        features: Tensor = self.body((images - 0.5) / 0.25)
        return features


@backbones.register("small-net")
class SmallNetBackbone(TrainedBackbone):
    """A network of three stages; its features are the inputs of its last layer."""

    name: ClassVar[str] = "small-net"
    settings_type: ClassVar[type[Settings]] = SmallNetSettings
    argument: ClassVar[str] = "weights"
    settings: SmallNetSettings

    def __init__(
        self,
        settings: SmallNetSettings,
        *,
        device: torch.device,
        seed: int = 0,
        wanted: tuple[Takes, ...] | None = None,
    ) -> None:
        super().__init__(settings, device=device, seed=seed, wanted=wanted)
        self.side = settings.side
        self.net: _SmallNet | None = None
        if settings.weights:
            self.load_weights(load_tensors(Path(settings.weights).expanduser()))

    @property
    def ready(self) -> bool:
        """Whether it has its weights."""
        return self.net is not None

    def prepare(self, medium: Image) -> Pixels:
        """The whole image as a square."""
        return resize_square(medium, self.side)

    def embed(self, batch: Tensor) -> Tensor:
        """(n, side, side, 3) 8-bit pixels to (n, 4 · width) features."""
        assert self.net is not None
        with torch.inference_mode():
            features: Tensor = self.net.eval()(_floats(batch.to(self.device)))
            return features.float()

    def weights(self) -> dict[str, Tensor]:
        """The network without its last layer, and the size of the images."""
        assert self.net is not None
        return {**self.net.body.state_dict(), _SIDE: torch.tensor(self.side)}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over a network that was trained before; InputError for weights of something else."""
        body = {key: tensor for key, tensor in weights.items() if key != _SIDE}
        try:
            self.side = int(weights[_SIDE])
            net = _SmallNet(len(weights["0.0.weight"]), 1)
            net.body.load_state_dict(body)
        except (KeyError, RuntimeError):
            what = f"{self.settings.weights or 'weights'}: not those of a small-net"
            fix = "name the .weights.safetensors beside the features of an earlier extraction"
            raise InputError(what, fix=fix) from None
        self.net = net.to(self.device)

    def fit(self, loader: Loader, rows: Tensor, labels: Tensor | None, progress: ProgressCallback) -> None:
        """Train on labels, or on rotations where there are none; InputError for fewer than two images or classes."""
        generator = Generator().manual_seed(self.seed)
        images, targets = self._load_images(loader, rows, labels, generator, progress)
        classes = int(targets.max()) + 1 if targets is not None else 4
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            net = _SmallNet(self.settings.width, classes)
        self.net = nn.utils.convert_conv2d_weight_memory_format(net.to(self.device), torch.channels_last)
        self._train(self.net, images, targets, generator, progress)

    def _load_images(
        self,
        loader: Loader,
        rows: Tensor,
        labels: Tensor | None,
        generator: Generator,
        progress: ProgressCallback,
    ) -> tuple[Tensor, Tensor | None]:
        """All training images as 8-bit pixels, and their classes numbered without gaps."""
        labels = labels if self.settings.labels else None
        if labels is not None:
            rows, labels = rows[labels >= 0], labels[labels >= 0]
        chosen = torch.randperm(len(rows), generator=generator)[: self.settings.max_images].sort().values
        rows = rows[chosen]
        images, good, done = [], [], 0
        report = make_reporter(progress, f"{self.name}: reading training images", len(rows))
        for batch in loader.batches(rows.tolist(), 1024):
            if len(batch.rows):
                images.append(batch.images)
                good.append(batch.rows)
            done += len(batch.rows) + len(batch.broken)
            report(done)
        count = sum(map(len, good))
        if count < 2:
            raise InputError("small-net: too few training images", got=count, valid="two or more", fix="take hog-color")
        if labels is None:
            return torch.cat(images), None
        kept = labels[chosen][torch.isin(rows, torch.cat(good))]
        classes, numbers = torch.unique(kept, return_inverse=True)
        if len(classes) < 2:
            fix = "take hog-color, or --set labels=false"
            raise InputError("small-net: all training images are of one class", fix=fix)
        return torch.cat(images), numbers

    def _train(
        self,
        net: _SmallNet,
        images: Tensor,
        targets: Tensor | None,
        generator: Generator,
        progress: ProgressCallback,
    ) -> None:
        settings = self.settings
        size = min(settings.batch_size, len(images))
        steps = settings.epochs * (len(images) // size)
        optimiser = torch.optim.SGD(
            net.parameters(), lr=settings.lr, momentum=0.9, nesterov=True, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.lr, total_steps=max(steps, 10), pct_start=0.2, anneal_strategy="linear"
        )
        low = torch.autocast(self.device.type, torch.bfloat16, enabled=settings.precision == "bf16")
        net.train()
        report = make_reporter(progress, f"{self.name}: training", steps, "step")
        for step, batch in enumerate(_batches(len(images), size, settings.epochs, generator), 1):
            pixels, goal = _augment(images[batch], None if targets is None else targets[batch], generator)
            with low:
                scores = net.head(net(_floats(pixels.to(self.device))))
            loss = F.cross_entropy(scores.float(), goal.to(self.device), label_smoothing=0.1)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            report(step)


def _augment(images: Tensor, targets: Tensor | None, generator: Generator) -> tuple[Tensor, Tensor]:
    """Inputs and targets: shifted, maybe mirrored images and their classes, or rotated ones and their quarter turns."""
    images = _shift(images, generator)
    if targets is not None:
        mirrored = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
        return torch.where(mirrored, images.flip(2), images), targets
    turns = torch.randint(4, (len(images),), generator=generator)
    choices = torch.stack([images.rot90(turn, (1, 2)) for turn in range(4)])
    return choices[turns, torch.arange(len(images))], turns


def _shift(images: Tensor, generator: Generator) -> Tensor:
    """(n, side, side, 3) images, each shifted by a few pixels, its border repeated."""
    count, side = images.shape[:2]
    reach = side // _SHIFT
    shifts = torch.randint(-reach, reach + 1, (2, count, 1), generator=generator)
    down, across = (torch.arange(side) + shifts).clamp_(0, side - 1)
    return images[torch.arange(count)[:, None, None], down[:, :, None], across[:, None, :]]


def _batches(rows: int, size: int, epochs: int, generator: Generator) -> Iterator[Tensor]:
    """Row numbers of whole batches, each epoch in another order."""
    for _ in range(epochs):
        yield from torch.randperm(rows, generator=generator).narrow(0, 0, rows - rows % size).view(-1, size)


def _floats(images: Tensor) -> Tensor:
    """8-bit pixels to (n, 3, height, width) in 0..1; the channels stay last in memory, which convolutions like."""
    return images.permute(0, 3, 1, 2).float() / 255


def _step(channels: int, width: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels, width, kernel, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True))


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.step = _step(width, width)

    def forward(self, images: Tensor) -> Tensor:
        changed: Tensor = self.step(images)
        return images + changed
