"""SwingNet: size, shapes, names of published weights, and frozen blocks."""

import re

import pytest
import torch
from torch import nn

from softloc_core.errors import ConfigError, DataError
from softloc_core.networks.mobilenet_v2 import MobileNetV2Features, load_trunk_weights
from softloc_core.networks.swingnet import SwingNet, SwingNetHead


def n_weights(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


@pytest.fixture(scope="module")
def network() -> SwingNet:
    torch.manual_seed(0)
    return SwingNet(n_channels=8, initial_logit=-3.0)


def nested_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the weights as in torchvision, whose groups of layers are nested."""
    one_group = {0: "0.0", 1: "0.1", 3: "1", 4: "2"}
    two_groups = {0: "0.0", 1: "0.1", 3: "1.0", 4: "1.1", 6: "2", 7: "3"}
    renamed = {}
    for name, weight in state.items():
        match = re.fullmatch(r"(\d+)\.conv\.(\d+)\.(.*)", name)
        if match:
            layer = (one_group if match[1] == "1" else two_groups)[int(match[2])]
            name = f"{match[1]}.conv.{layer}.{match[3]}"
        renamed[f"features.{name}"] = weight
    return renamed


def flat_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"features.{name}": weight for name, weight in state.items()}


def test_the_trunk_has_the_published_number_of_weights(network):
    # 3 504 872 with the classifier of 1 000 classes (1280 x 1000 + 1000), as commonly stated.
    assert n_weights(network.trunk) == 3_504_872 - 1_281_000
    assert len(network.trunk) == 19


def test_the_head_has_the_published_number_of_weights(network):
    # GolfDB states 5.38 million for SwingNet, with nine outputs.
    assert n_weights(network.head.rnn) == 2 * 4 * 256 * (1280 + 256 + 2)
    nine = SwingNet(n_channels=9, initial_logit=0.0)
    assert round(n_weights(nine) / 1e6, 2) == 5.38


def test_names_and_shapes_are_those_of_published_weights(network):
    state = flat_names(network.trunk.state_dict())
    # torchvision publishes 314 entries, two of them for the classifier.
    assert len(state) == 312
    shapes = {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.1.conv.0.weight": (32, 1, 3, 3),
        "features.1.conv.3.weight": (16, 32, 1, 1),
        "features.2.conv.0.weight": (96, 16, 1, 1),
        "features.2.conv.3.weight": (96, 1, 3, 3),
        "features.17.conv.6.weight": (320, 960, 1, 1),
        "features.17.conv.7.running_var": (320,),
        "features.18.0.weight": (1280, 320, 1, 1),
        "features.18.1.num_batches_tracked": (),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    nested = nested_names(network.trunk.state_dict())
    assert tuple(nested["features.17.conv.1.0.weight"].shape) == (960, 1, 3, 3)
    assert tuple(nested["features.17.conv.2.weight"].shape) == (320, 960, 1, 1)


def test_video_gives_one_logit_per_event_and_frame(network):
    frames = torch.zeros(2, 3, 3, 160, 160)
    with torch.no_grad():
        assert network.frame_features(frames).shape == (2, 3, 1280)
        assert network(frames).shape == (2, 8, 3)


def test_frames_are_independent_in_the_trunk(network):
    network.eval()
    frames = torch.randn(1, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        apart = [network.frame_features(frames[:, k : k + 1]) for k in range(2)]
        together = network.frame_features(frames)
    network.train()
    torch.testing.assert_close(torch.cat(apart, dim=1), together, atol=1e-5, rtol=1e-4)


def test_the_first_ten_blocks_are_frozen(network):
    trained = [{weight.requires_grad for weight in block.parameters()} for block in network.trunk]
    assert trained == [{False}] * 10 + [{True}] * 9
    network(torch.randn(1, 2, 3, 32, 32)).sum().backward()
    assert network.trunk[9].conv[0].weight.grad is None
    assert network.trunk[10].conv[0].weight.grad is not None
    network.zero_grad(set_to_none=True)


def test_a_number_of_frozen_blocks_out_of_range_raises():
    with pytest.raises(ConfigError, match="`frozen_blocks` must be 0 to 19, but got 20"):
        SwingNet(n_channels=8, initial_logit=0.0, frozen_blocks=20)


def test_shapes_other_than_video_raise(network):
    with pytest.raises(DataError, match=r"\[batch, frame, 3, height, width\], but got \[1, 3, 160, 160\]"):
        network(torch.zeros(1, 3, 160, 160))


@pytest.mark.parametrize("naming", [flat_names, nested_names])
def test_published_weights_load_with_either_naming(naming, network, tmp_path):
    state = naming(network.trunk.state_dict())
    state["classifier.1.weight"] = torch.zeros(1000, 1280)
    torch.save(state, tmp_path / "mobilenet_v2.pth.tar")
    fresh = SwingNet(n_channels=8, initial_logit=0.0, trunk_weights=tmp_path / "mobilenet_v2.pth.tar")
    for name, weight in network.trunk.state_dict().items():
        assert torch.equal(weight, fresh.trunk.state_dict()[name]), name


def test_wrapped_weights_from_parallel_training_load(network, tmp_path):
    state = {f"module.{name}": weight for name, weight in flat_names(network.trunk.state_dict()).items()}
    without_counters = {name: w for name, w in state.items() if "num_batches_tracked" not in name}
    torch.save({"state_dict": without_counters, "epoch": torch.tensor(3)}, tmp_path / "weights.pt")
    trunk = MobileNetV2Features()
    load_trunk_weights(trunk, tmp_path / "weights.pt")
    assert torch.equal(trunk[18][0].weight, network.trunk[18][0].weight)


def test_the_error_names_weights_that_do_not_fit(network, tmp_path):
    path = tmp_path / "weights.pt"
    trunk = MobileNetV2Features()
    state = flat_names(network.trunk.state_dict())
    torch.save({name: w for name, w in state.items() if name != "features.3.conv.0.weight"}, path)
    with pytest.raises(DataError, match=r"1 missing and 0 unknown \(first missing: features.3.conv.0.weig"):
        load_trunk_weights(trunk, path)
    torch.save({**state, "features.19.0.weight": torch.zeros(1)}, path)
    with pytest.raises(DataError, match=r"0 missing and 1 unknown \(first unknown: features.19.0.weight\)"):
        load_trunk_weights(trunk, path)
    torch.save({**state, "features.0.0.weight": torch.zeros(16, 3, 3, 3)}, path)
    with pytest.raises(DataError, match=r"must have shape \(32, 3, 3, 3\) .*but got \(16, 3, 3, 3\)"):
        load_trunk_weights(trunk, path)


def test_the_error_names_files_without_weights(tmp_path):
    trunk, path = MobileNetV2Features(), tmp_path / "weights.pt"
    with pytest.raises(DataError, match="must be in a file, but got none at"):
        load_trunk_weights(trunk, path)
    path.write_text("no weights at all")
    with pytest.raises(DataError, match=r"must be a state dict saved by torch, but got \w+ when reading"):
        load_trunk_weights(trunk, path)
    torch.save([1, 2], path)
    with pytest.raises(DataError, match="must be a state dict, but got list in"):
        load_trunk_weights(trunk, path)


def test_loading_runs_no_code_from_the_file(tmp_path):
    class Opens:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    torch.save({"features.0.0.weight": Opens()}, tmp_path / "weights.pt")
    with pytest.raises(DataError, match="must be a state dict saved by torch"):
        load_trunk_weights(MobileNetV2Features(), tmp_path / "weights.pt")
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize("bidirectional", [True, False])
def test_only_the_bidirectional_head_sees_later_frames(bidirectional):
    torch.manual_seed(0)
    head = SwingNetHead(n_bands=9, n_channels=8, initial_logit=0.0, bidirectional=bidirectional)
    features = torch.randn(1, 20, 9)
    later = features.clone()
    later[:, 12:] += 1.0
    with torch.no_grad():
        before, after = head(features), head(later)
    assert torch.equal(before[..., :12], after[..., :12]) is not bidirectional
    assert not torch.allclose(before[..., 12:], after[..., 12:])
