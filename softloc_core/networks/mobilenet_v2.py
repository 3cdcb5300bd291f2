"""MobileNetV2's feature blocks, with parameter names that match published weights."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from softloc_core.errors import DataError

__all__ = ["N_FEATURES", "MobileNetV2Features", "load_trunk_weights"]

N_FEATURES = 1280
"""Number of features of the last block."""
_STEM_CHANNELS = 32
# Expansion, channels, number of blocks, stride of the first block.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_NESTED = re.compile(r"(\d+)\.conv\.(\d+)\.(\d+)\.(\w+)")
_SHALLOW = re.compile(r"(\d+)\.conv\.(\d+)\.(\w+)")
# Errors that torch.load raises for files that torch did not save.
_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


class InvertedResidual(nn.Module):
    """Expand by 1 x 1, filter each channel by 3 x 3, project by 1 x 1; added to the input if shapes agree."""

    def __init__(self, n_in: int, n_out: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        n_hidden = n_in * expansion
        widen = _convolution(n_in, n_hidden, taps=1) if expansion > 1 else ()
        self.conv = nn.Sequential(
            *widen,
            *_convolution(n_hidden, n_hidden, taps=3, stride=stride, groups=n_hidden),
            nn.Conv2d(n_hidden, n_out, 1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.adds_input = stride == 1 and n_in == n_out

    def forward(self, image: Tensor) -> Tensor:
        """Map [batch, n_in, height, width] to [batch, n_out, height / stride, width / stride]."""
        change: Tensor = self.conv(image)
        return image + change if self.adds_input else change


def _convolution(
    n_in: int, n_out: int, *, taps: int, stride: int = 1, groups: int = 1
) -> tuple[nn.Module, ...]:
    """Return a convolution, batch norm and ReLU6."""
    return (
        nn.Conv2d(n_in, n_out, taps, stride, taps // 2, groups=groups, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU6(inplace=True),
    )


class MobileNetV2Features(nn.Sequential):
    """The 19 feature blocks of MobileNetV2 at width 1, images -> [batch, 1280, height / 32, width / 32].

    Parameters are named `<block>.<layer>...` and `<block>.conv.<layer>...`, as those under `features.` in the
    weights that GolfDB's authors use.

    Source: Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018, table 2;
    initial weights of He et al. 2015 (fan out).
    """

    def __init__(self) -> None:
        blocks: list[nn.Module] = [nn.Sequential(*_convolution(3, _STEM_CHANNELS, taps=3, stride=2))]
        n_in = _STEM_CHANNELS
        for expansion, n_out, n_blocks, stride in _STAGES:
            for index in range(n_blocks):
                first = stride if index == 0 else 1
                blocks.append(InvertedResidual(n_in, n_out, stride=first, expansion=expansion))
                n_in = n_out
        blocks.append(nn.Sequential(*_convolution(n_in, N_FEATURES, taps=1)))
        super().__init__(*blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")


def load_trunk_weights(trunk: MobileNetV2Features, path: str | Path) -> None:
    """Load published weights of MobileNetV2 into the feature blocks, ignoring those of the classifier.

    Both naming schemes in use are supported: `features.2.conv.3.weight` (flat, as in `mobilenet_v2.pth.tar`,
    which GolfDB's authors use) and `features.2.conv.1.0.weight` (nested, as in torchvision). Files are read
    with `torch.load(weights_only=True)`, which does not run code from the file.

    Args:
        trunk: Feature blocks, changed in place.
        path: Path of a state dict saved by torch, or of a mapping that has one under `state_dict`.

    Raises:
        DataError: The file does not exist or holds no state dict, or weights are missing, unknown or have
            other shapes.
    """
    weights = _feature_weights(Path(path))
    state = {flat: weights[name] for name, flat in _flat_names(weights).items()}
    expected = {name: tuple(weight.shape) for name, weight in trunk.state_dict().items()}
    # Early versions of torch did not count batches; the count has no effect at batch norm's default momentum.
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = sorted(set(expected) - set(state) - counters)
    unknown = sorted(set(state) - set(expected))
    if missing or unknown:
        what, first = ("missing", missing[0]) if missing else ("unknown", unknown[0])
        raise DataError(
            f"weights of MobileNetV2 must be those of its 19 feature blocks, but got {len(missing)} missing "
            f"and {len(unknown)} unknown (first {what}: features.{first}) in {path}"
        )
    for name, weight in state.items():
        if tuple(weight.shape) != expected[name]:
            raise DataError(
                f"features.{name} must have shape {expected[name]} (width 1), but got "
                f"{tuple(weight.shape)} in {path}"
            )
    trunk.load_state_dict(state, strict=False)


def _feature_weights(path: Path) -> dict[str, Tensor]:
    """Return the feature weights by name, without the prefixes `module.` and `features.`."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DataError(f"weights of MobileNetV2 must be in a file, but got none at {path}") from error
    except _UNREADABLE as error:
        kind = type(error).__name__
        raise DataError(
            f"weights of MobileNetV2 must be a state dict saved by torch, but got {kind} when reading {path}"
        ) from error
    if isinstance(content, Mapping):
        content = content.get("state_dict", content)
    if not isinstance(content, Mapping) or not all(isinstance(item, Tensor) for item in content.values()):
        raise DataError(
            f"weights of MobileNetV2 must be a state dict, but got {type(content).__name__} in {path}"
        )
    names = {name.removeprefix("module."): weight for name, weight in content.items()}
    return {
        name.removeprefix("features."): weight
        for name, weight in names.items()
        if name.startswith("features.")
    }


def _flat_names(names: Iterable[str]) -> dict[str, str]:
    """Return the flat name of each parameter.

    In a nested block, each group of convolution, batch norm and ReLU is a level deeper and takes one index
    instead of three. The projecting convolution and its batch norm follow the groups, so that each group
    shifts their index by two.
    """
    names = list(names)
    nested = {match.groups()[:2] for match in map(_NESTED.fullmatch, names) if match}
    flat = {}
    for name in names:
        deep, shallow = _NESTED.fullmatch(name), _SHALLOW.fullmatch(name)
        if deep:
            block, group, layer, what = deep.groups()
            flat[name] = f"{block}.conv.{3 * int(group) + int(layer)}.{what}"
        elif shallow:
            block, layer, what = shallow.groups()
            n_groups = sum(of_block == block for of_block, _ in nested)
            flat[name] = f"{block}.conv.{int(layer) + 2 * n_groups}.{what}"
        else:
            flat[name] = name
    return flat
