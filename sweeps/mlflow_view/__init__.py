"""MLflow as a view of a study: written from Parquet, and rewritten at any time."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
