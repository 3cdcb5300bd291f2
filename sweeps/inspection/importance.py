"""The share of a metric's variance that each varied parameter explains, by Optuna's functional ANOVA.

This module is not part of `analysis`, which does not depend on Optuna. The report receives it as a function.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import TooFewPointsError
from analysis.reading import StoredStudy, varied_columns, with_option_columns

__all__ = ["parameter_importance"]

_LEAST_TRIALS = 10


def parameter_importance(study: StoredStudy, *, metric: str = "f1", seed: int = 0) -> Mapping[str, float]:
    """Return the share of a metric's variance that each varied parameter explains, largest first.

    The shares sum to 1. Trials with an infinite softness are left out.

    Source: functional ANOVA over a forest of regression trees, Hutter, Hoos and Leyton-Brown (2014), as in
    Optuna.

    Args:
        study: The stored study.
        metric: Numeric column of the trials.
        seed: Seed of the forest.

    Raises:
        TooFewPointsError: Fewer than two parameters vary, or fewer than ten trials have completed.
    """
    import optuna

    trials = with_option_columns(study, study.scored(metric))
    columns = varied_columns(study, trials)
    numbers = [values for values in columns.values() if pd.api.types.is_numeric_dtype(values)]
    finite = (
        np.all([np.isfinite(values) for values in numbers], axis=0) if numbers else np.ones(len(trials), bool)
    )
    if len(columns) < 2 or finite.sum() < _LEAST_TRIALS:
        raise TooFewPointsError(
            f"importance needs at least 2 varied parameters and {_LEAST_TRIALS} trials, but {study.location} "
            f"has {len(columns)} and {int(finite.sum())}"
        )
    kept = {name: values[finite].reset_index(drop=True) for name, values in columns.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study_of_optuna = _optuna_study(kept, trials[metric].to_numpy(dtype=np.float64)[finite])
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        found = optuna.importance.get_param_importances(study_of_optuna, evaluator=evaluator)
    return {name: float(share) for name, share in sorted(found.items(), key=lambda item: -item[1])}


def _optuna_study(
    columns: Mapping[str, pd.Series], values: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> Any:
    """Return the trials as an Optuna study."""
    import optuna

    distributions = {name: _distribution(column) for name, column in columns.items()}
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: column.iloc[index] for name, column in columns.items()},
                distributions=distributions,
                value=float(value),
            )
            for index, value in enumerate(values)
        ]
    )
    return study


def _distribution(column: pd.Series) -> Any:
    """Return the range or the categories of a column as a distribution."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if pd.api.types.is_numeric_dtype(column):
        return FloatDistribution(float(column.min()), float(column.max()))
    return CategoricalDistribution(sorted(column.unique()))
