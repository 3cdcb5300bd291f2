"""One training run of an event detector on imperfect labels: data, losses, networks, decoding, scores."""

__version__ = "0.1.0"
