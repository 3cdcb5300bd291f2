"""Inspection reads a study's folder or data and reports status, Pareto front, importance and data quality."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
