"""Draw the predictions of a network after training with three losses on the same noisy labels."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch

from softloc_core.losses import Ramp, initial_bias, make_loss

N_FRAMES, NOISE_FRAMES, SOFTNESS_FRAMES, N_STEPS = 120, 10.0, 10.0, 400
LOSSES = {
    "cross_entropy": "cross entropy",
    "one_sided": "one-sided smoothing",
    "softloc": "SoftLoc",
}


def batch(rng: np.random.Generator, n_sequences: int) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Return noisy markers, labels that are off by some frames, and the true frames."""
    true = rng.integers(30, N_FRAMES - 30, n_sequences)
    features = rng.normal(0, 0.3, (n_sequences, 1, N_FRAMES))
    for lag, height in ((0, 2.0), (1, 1.0), (2, 0.5)):
        features[np.arange(n_sequences), 0, true + lag] += height
    label = np.zeros((n_sequences, 1, N_FRAMES))
    moved = np.clip(np.round(true + rng.normal(0, NOISE_FRAMES, n_sequences)), 0, N_FRAMES - 1)
    label[np.arange(n_sequences), 0, moved.astype(int)] = 1
    return torch.as_tensor(features).float(), torch.as_tensor(label).float(), true


def trained(name: str) -> torch.nn.Module:
    """Return a small convolutional network; it sees the same labels whatever the loss."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = torch.nn.Sequential(
        torch.nn.Conv1d(1, 16, 61, padding=30), torch.nn.ReLU(), torch.nn.Conv1d(16, 1, 9, padding=4)
    )
    torch.nn.init.constant_(network[2].bias, initial_bias(0.5, N_FRAMES))
    alpha = Ramp(low=0.2, high=0.9, start=0.2, stop=0.9)
    loss = make_loss(
        name, softness_frames=SOFTNESS_FRAMES, alpha=alpha, measure="squared", n_steps=N_STEPS, options={}
    )
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for step in range(N_STEPS):
        features, label, _ = batch(rng, 32)
        optimiser.zero_grad()
        loss(network(features), label, step=step).backward()
        optimiser.step()
    return network


def main() -> None:
    """Train, predict and draw."""
    features, label, true = batch(np.random.default_rng(1), 1)
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.6), sharex=True, sharey=True, layout="constrained")
    for axis, (name, title) in zip(axes, LOSSES.items(), strict=True):
        prob = torch.sigmoid(trained(name)(features)).detach()[0, 0].numpy()
        axis.vlines(true, 0, 1, color="0.7", linestyle="--", label="true event")
        axis.plot(label[0, 0].argmax(), 0.0, "kx", clip_on=False, label="noisy label")
        axis.plot(prob, color="C3", label="p(t)")
        axis.set(title=f"{title}: largest p {prob.max():.2f}", xlabel="frame", ylim=(0, 1))
    axes[0].set_ylabel("p(t)")
    axes[0].legend(frameon=False)
    target = Path(__file__).parents[1] / "figures" / "losses_predictions.png"
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main()
