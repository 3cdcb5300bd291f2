"""Draw how networks trained on counts and on places represent digits: a t-SNE of their last convolution."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.manifold import TSNE

from softloc_core.losses import Constant, initial_bias, make_loss
from softloc_core.networks import CompactWindows
from softloc_core.tasks import TASKS, DataRequest, TaskData
from softloc_core.tasks.digits import FIELD_PX, WINDOW_PX, embedded_digits, mnist_digits
from softloc_core.training import Optimisation, TrainingSet, fit

N_DIGITS = 600


def trained(loss_name: str, data: TaskData, iterations: int) -> CompactWindows:
    """Return the compact network after training with one loss."""
    torch.manual_seed(0)
    defaults = TASKS.get("digits").defaults("compact")
    training_set = TrainingSet.from_recordings(
        data.train,
        [recording.label for recording in data.train],
        n_channels=10,
        excerpt_s=defaults["excerpt_s"],
        device=torch.device("cpu"),
    )
    bias = initial_bias(defaults["initial_empty_prob"], training_set.excerpt_frames)
    network = CompactWindows(n_bands=256, n_channels=10, initial_logit=bias)
    loss = make_loss(
        loss_name, softness_frames=0.0, alpha=Constant(0.0), measure="squared", n_steps=iterations, options={}
    )
    names = Optimisation.__dataclass_fields__
    settings = {**{name: defaults[name] for name in names}, "iterations": iterations}
    fit(network, loss, training_set, Optimisation(**settings), generator=torch.Generator().manual_seed(0))
    return network.eval()


def single_windows(image: np.ndarray) -> torch.Tensor:
    """Return each digit in the middle of a window at half the resolution, [digit, 1, band]."""
    margin = (WINDOW_PX - FIELD_PX) // 2
    window = np.pad(image.astype(np.float32) / 255, ((0, 0), (margin, margin), (margin, margin)))
    half = window.reshape(len(window), WINDOW_PX // 2, 2, WINDOW_PX // 2, 2).mean(axis=(2, 4))
    return torch.from_numpy(half.reshape(len(half), 1, -1))


def neighbour_accuracy(representation: np.ndarray, digit: np.ndarray) -> float:
    """Return the share of the digits whose nearest other digit has the same class."""
    distance = np.linalg.norm(representation[:, None] - representation[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    return float((digit[distance.argmin(axis=1)] == digit).mean())


def main() -> None:
    """Train with counts and with places, and draw both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-root", type=Path, help="folder of MNIST's files (default: the embedded digits)"
    )
    parser.add_argument("--canvases", type=int, default=1000, choices=(125, 250, 500, 1000))
    parser.add_argument("--iterations", type=int, default=900)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "figures" / "digits_tsne.png")
    chosen = parser.parse_args()
    source = "mnist" if chosen.data_root else "embedded"
    request = DataRequest("digits", source, f"canvases_{chosen.canvases}", 0, "hilbert_half", 0)
    data = TASKS.get("digits").load(request, data_root=chosen.data_root, cache_dir=Path("unused"))
    test = mnist_digits(chosen.data_root)[1] if chosen.data_root else embedded_digits()[1]
    windows, digit = single_windows(test.image[:N_DIGITS]), test.digit[:N_DIGITS]
    figure, axes = plt.subplots(1, 2, figsize=(10, 5), constrained_layout=True)
    for axis, (loss, title) in zip(
        axes, (("count", "trained on counts"), ("cross_entropy", "trained on places")), strict=True
    ):
        network = trained(loss, data, chosen.iterations)
        with torch.no_grad():
            seen = network.representation(windows)[:, 0].numpy()
        place = TSNE(random_state=0, init="pca").fit_transform(seen)
        axis.scatter(*place.T, c=digit, cmap="tab10", s=8, vmin=-0.5, vmax=9.5)
        accuracy = neighbour_accuracy(seen, digit)
        axis.set(
            title=f"{title}: {accuracy:.0%} have a nearest neighbour of their class", xticks=[], yticks=[]
        )
    figure.colorbar(axes[1].collections[0], ax=axes, ticks=range(10), shrink=0.8)
    pixels = neighbour_accuracy(windows.flatten(1).numpy(), digit)
    figure.supxlabel(f"raw pixels: {pixels:.0%}", fontsize=9)
    figure.savefig(chosen.out, dpi=110)


if __name__ == "__main__":
    main()
