"""Forecasting estimates what a study will take before it runs: points, pilot trials, hours and cost."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
