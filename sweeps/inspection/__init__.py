"""Read a study's folder and print what is there: status, front, importance, data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
