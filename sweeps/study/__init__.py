"""A study file becomes a `Study`: keys, units, rules, and errors that name their line."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
