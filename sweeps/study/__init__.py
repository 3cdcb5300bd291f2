"""Studies: reads study files, checks their keys, units and rules, and returns them as `Study` objects."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
