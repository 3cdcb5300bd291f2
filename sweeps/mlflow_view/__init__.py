"""MLflow as a view of a study's Parquet files, which can be rebuilt at any time."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
