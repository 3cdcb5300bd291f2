"""The cache of smoothing matrices: its bound, its order of removal, and threads."""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import torch
from hypothesis import given, settings, strategies as st

from softloc_core.losses import smooth, smoothing
from softloc_core.losses.matrix_cache import MatrixCache


def floats(n: int) -> torch.Tensor:
    return torch.full((n,), float(n))


@given(st.lists(st.integers(1, 12), max_size=60))
@settings(deadline=None)
def test_the_least_recently_used_tensors_are_removed_first(sizes):
    # A float32 has four bytes, so that one tensor of 12 elements and another of 8 fit.
    cache, expected = MatrixCache(80), OrderedDict()
    for size in sizes:
        made = []
        assert cache.get(size, lambda size=size, made=made: made.append(size) or floats(size))[0] == size
        assert bool(made) == (size not in expected)
        expected[size] = expected.pop(size, 4 * size)
        while sum(expected.values()) > 80:
            expected.popitem(last=False)
        assert cache.n_bytes == sum(expected.values()) <= 80


def test_a_tensor_beyond_the_bound_removes_nothing():
    cache = MatrixCache(40)
    small = cache.get("small", lambda: floats(10))
    assert cache.get("large", lambda: floats(11)).shape == (11,)
    assert cache.get("small", lambda: floats(3)) is small


def test_threads_share_the_cache():
    cache = MatrixCache(400)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda n: (n, cache.get(n, lambda: floats(n))), [i % 23 + 1 for i in range(4000)])
        assert all(values.shape == (n,) and values[0] == n for n, values in found)
    assert 0 < cache.n_bytes <= 400


def test_smoothing_keeps_at_most_its_bound(monkeypatch):
    monkeypatch.setattr(smoothing, "_CACHE", MatrixCache(100_000))
    for n_frames in (50, 100, 120, 50, 200):
        values = torch.rand(2, n_frames)
        first = smooth(values, softness_frames=3.0)
        assert torch.equal(smooth(values, softness_frames=3.0), first)
        assert smoothing._CACHE.n_bytes <= 100_000
    assert smoothing._CACHE.n_bytes == 4 * (120**2 + 50**2)
