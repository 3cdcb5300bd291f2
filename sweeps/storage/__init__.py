"""A study's folder, the truth on disk: Parquet tables and their schema, the lock, logs, weights."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
