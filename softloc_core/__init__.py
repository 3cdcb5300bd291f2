"""One training run of an event detector on imperfect labels: data, losses, networks, decoding, scores."""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
