"""Group comparisons as text: every number of the answer is in it, in at most 80 columns."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.answers import compare_groups
from analysis.reading import load_results
from analysis.text import group_text


def test_the_text_has_every_mean_and_difference_and_fits_a_terminal(
    rows: Callable[..., pd.DataFrame], write_study: Callable[..., Path]
) -> None:
    groups = []
    for loss, f1 in (("softloc", 0.8125), ("cross_entropy", 0.5125)):
        for split in ("kitchen", "garden"):
            trials = rows(loss, 1, replicates=4).assign(split=split, softness_s=0.1, label_noise_s=0.05)
            shift = 0.0625 if split == "garden" else 0.0
            trials["f1"] = f1 + shift + np.linspace(-0.01, 0.01, 4)
            trials["trial_id"] = [f"{loss[:4]}{split}{index}" for index in range(4)]
            groups.append(trials)
    text = group_text(compare_groups(load_results(write_study(*groups))))
    assert all(len(line) <= 80 for line in text.splitlines())
    for expected in ("kitchen", "garden", "0.81", "0.51", "0.88", "0.58", "0.30"):
        assert expected in text, f"{expected} is missing in\n{text}"
