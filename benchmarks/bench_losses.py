"""Time the count loss and the smoothing in one thread; part of `make bench`.

Only ratios within one run are meaningful. Each time is the shortest of several repetitions. The functions
take turns, so that all of them are measured under the same load.
"""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from scipy.special import expit
from scipy.stats import poisson_binom

from softloc_core.losses import MarginalAlignmentLoss, SoftLocLoss, poisson_binomial_log_prob, smooth

# Name, number of sequences, number of frames, largest count.
SIZES = (("drums", 96, 370, 23), ("piano", 2816, 400, 42))


def plain_log_prob(logit: torch.Tensor, count: torch.Tensor, *, max_count: int) -> torch.Tensor:
    """Run the recursion of the LoCo paper (eq. 9) in plain torch, differentiated by autograd."""
    prob = torch.sigmoid(logit)
    mass = torch.zeros(len(logit), max_count + 1, dtype=logit.dtype)
    mass[:, 0] = 1
    for t in range(logit.shape[-1]):
        p = prob[:, t : t + 1]
        moved = torch.cat([torch.zeros_like(p), mass[:, :-1]], dim=-1)
        mass = (1 - p) * mass + p * moved
    return torch.log(mass.gather(-1, count.unsqueeze(-1)).squeeze(-1) + 1e-9)


def least_ms(*functions: Callable[[], object], repetitions: int = 7) -> list[float]:
    """Return the shortest time of each function in milliseconds; they take turns after a warm-up run."""
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(repetitions):
        for spent, function in zip(times, functions, strict=True):
            start = time.perf_counter()
            function()
            spent.append(1e3 * (time.perf_counter() - start))
    return [min(spent) for spent in times]


def forward_and_backward(
    loss: Callable[[torch.Tensor], torch.Tensor], logit: torch.Tensor
) -> Callable[[], None]:
    """Return a function that computes the loss and its gradient with respect to the logits."""

    def call() -> None:
        leaf = logit.detach().requires_grad_()
        loss(leaf).sum().backward()

    return call


def random_logit(rng: np.random.Generator, n_sequences: int, n_frames: int) -> torch.Tensor:
    return torch.as_tensor(rng.normal(-5.0, 1.5, (n_sequences, n_frames)), dtype=torch.float32)


def time_count_loss() -> None:
    print("\ncount loss, forward and backward, float32\n")
    print(f"| {'size':34} | {'counts':13} | plain torch, ms | softloc, ms | ratio |")
    print(f"|{'-' * 36}|{'-' * 15}|{'-' * 17}|{'-' * 13}|{'-' * 7}|")
    rng = np.random.default_rng(0)
    for name, n_sequences, n_frames, top in SIZES:
        logit = random_logit(rng, n_sequences, n_frames)
        counts = {
            "Poisson(3)": np.minimum(rng.poisson(3, n_sequences), top),
            f"0 to {top}": rng.integers(0, top + 1, n_sequences),
            f"all {top}": np.full(n_sequences, top),
        }
        for kind, values in counts.items():
            count = torch.as_tensor(values)

            def plain(x: torch.Tensor, count: torch.Tensor = count, top: int = top) -> torch.Tensor:
                return plain_log_prob(x, count, max_count=top)

            def compiled(x: torch.Tensor, count: torch.Tensor = count) -> torch.Tensor:
                return poisson_binomial_log_prob(x, count)

            slow, fast = least_ms(forward_and_backward(plain, logit), forward_and_backward(compiled, logit))
            size = f"{name}: {n_sequences} x {n_frames} x {top}"
            print(f"| {size:34} | {kind:13} | {slow:15.1f} | {fast:11.2f} | {slow / fast:4.0f}x |")


def time_packages() -> None:
    """Compare the forward pass with packages that compute the distribution of one sequence at a time."""
    print("\ncount distribution, forward only, 96 sequences x 370 frames, float64\n")
    rng = np.random.default_rng(0)
    logit = random_logit(rng, 96, 370).double()
    values = rng.poisson(3, 96)
    count, prob = torch.as_tensor(values), expit(logit.numpy())
    rivals: dict[str, Callable[[], object]] = {
        "SciPy poisson_binom": lambda: [poisson_binom.logpmf(k, p) for k, p in zip(values, prob, strict=True)]
    }
    for package, module in (("fast-poibin", "fast_poibin"), ("poibin", "poibin")):
        try:
            distribution = importlib.import_module(module).PoiBin
        except ImportError:
            print(f"skipping {package}, which is not installed")
            continue
        rivals[package] = lambda make=distribution: [make(list(p)).pmf for p in prob]
    times = least_ms(lambda: poisson_binomial_log_prob(logit, count), *rivals.values(), repetitions=3)
    print(f"| {'library':20} | ms      | softloc is faster by |")
    print(f"|{'-' * 22}|{'-' * 9}|{'-' * 22}|")
    for name, spent in zip(("this", *rivals), times, strict=True):
        print(f"| {name:20} | {spent:7.2f} | {spent / times[0]:19.0f}x |")


def time_smoothing() -> None:
    """Compare the matrix product with a convolution whose kernel is cut at four standard deviations."""
    print("\nGaussian smoothing of 96 sequences, softness 10 frames, forward and backward\n")
    print("| frames | matrix, ms | convolution, ms |")
    print("|--------|------------|-----------------|")
    kernel = torch.exp(-0.5 * (torch.arange(-40.0, 41.0) / 10) ** 2)
    kernel = (kernel / kernel.sum())[None, None]
    for n_frames in (150, 400, 1000, 3000):
        values = torch.rand(96, n_frames)

        def convolved(x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.conv1d(x.unsqueeze(1), kernel, padding=40)

        matrix, convolution = least_ms(
            forward_and_backward(lambda x: smooth(x, softness_frames=10.0), values),
            forward_and_backward(convolved, values),
        )
        print(f"| {n_frames:6} | {matrix:10.2f} | {convolution:15.2f} |")


def time_losses() -> None:
    """Time complete losses on a training batch of the drum study."""
    print("\na batch of [32, 3, 150], 3 events per sequence, forward and backward\n")
    rng = np.random.default_rng(0)
    logit = random_logit(rng, 96, 150).reshape(32, 3, 150)
    label = torch.zeros(32, 3, 150)
    label[..., [20, 70, 120]] = 1
    softloc, alignment = (
        SoftLocLoss(softness_frames=10.0, alpha=0.5),
        MarginalAlignmentLoss(noise_frames=10.0),
    )
    names = ("SoftLocLoss", "MarginalAlignmentLoss")
    times = least_ms(
        *(forward_and_backward(lambda x, loss=loss: loss(x, label), logit) for loss in (softloc, alignment))
    )
    for name, spent in zip(names, times, strict=True):
        print(f"{name}: {spent:.2f} ms")


# Runs in a separate process, so that its peak memory is that of the loss.
_PEAK = """
import resource, sys, torch
from softloc_core.losses import poisson_binomial_log_prob
def peak_mb(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
torch.set_num_threads(1)
n_sequences, n_frames, top = map(int, sys.argv[1:])
def call(logit):
    count = torch.full((len(logit),), top)
    poisson_binomial_log_prob(logit, count).sum().backward()
call(torch.full((16, n_frames), -5.0, requires_grad=True))
logit = torch.full((n_sequences, n_frames), -5.0, requires_grad=True)
before = peak_mb()
call(logit)
print(logit.nbytes / 2**20, peak_mb() - before)
"""


def measure_memory() -> None:
    """Measure the memory of the count loss and its gradient in addition to their input.

    The workspace of the thread is allocated beforehand and does not count.
    """
    print("\ncount loss, forward and backward: memory in addition to the input, float32, counts of 42\n")
    print("| sequences x frames | input, MB | added, MB     | as a multiple of the input |")
    print("|--------------------|-----------|---------------|----------------------------|")
    for n_sequences, n_frames in ((20_000, 1000), (40_000, 1000), (2000, 20_000)):
        command = [sys.executable, "-c", _PEAK, str(n_sequences), str(n_frames), "42"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        size, added = (float(number) for number in done.stdout.split())
        row = f"{n_sequences} x {n_frames}"
        print(f"| {row:18} | {size:9.1f} | {added:13.1f} | {added / size:26.2f} |")


def main() -> None:
    torch.set_num_threads(1)
    print(f"{platform.machine()}, torch {torch.__version__}, one thread, {time.strftime('%Y-%m-%d')}")
    time_count_loss()
    measure_memory()
    time_packages()
    time_smoothing()
    time_losses()


if __name__ == "__main__":
    main()
