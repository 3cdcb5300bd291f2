"""Regression of scores on numeric parameters, with uncertainty. It knows nothing of studies or figures."""

from analysis.regression.bandwidths import select_bandwidth
from analysis.regression.base import Fit, Grid, Regression
from analysis.regression.gaussian_process import GaussianProcess, fit_gaussian_process
from analysis.regression.gp_kernels import KERNELS
from analysis.regression.kernel import KernelRegression
from analysis.regression.level_means import LevelMeans, fit_level_means, has_levels
from analysis.regression.sections import Section, averaging_places
from analysis.regression.surfaces import (
    ESTIMATORS,
    RENAMED_ESTIMATORS,
    Bandwidth,
    Surface,
    SurfaceGrid,
    fit_regression,
    fit_surface,
)
from analysis.regression.uncertainty import (
    Band,
    Bootstrapped,
    binomial_weights,
    bootstrap,
    pointwise_band,
    simultaneous_band,
    simultaneous_quantiles,
)

__all__ = [
    "ESTIMATORS",
    "KERNELS",
    "RENAMED_ESTIMATORS",
    "Band",
    "Bandwidth",
    "Bootstrapped",
    "Fit",
    "GaussianProcess",
    "Grid",
    "KernelRegression",
    "LevelMeans",
    "Regression",
    "Section",
    "Surface",
    "SurfaceGrid",
    "averaging_places",
    "binomial_weights",
    "bootstrap",
    "fit_gaussian_process",
    "fit_level_means",
    "fit_regression",
    "fit_surface",
    "has_levels",
    "pointwise_band",
    "select_bandwidth",
    "simultaneous_band",
    "simultaneous_quantiles",
]
