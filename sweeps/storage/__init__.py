"""A study's folder on disk: its Parquet tables and their schema, its lock, logs, checkpoints and weights."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
