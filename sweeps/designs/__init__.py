"""Designs decide which points of a space to try; some of them learn from earlier results."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
