"""The door for users: run a study, load its results, take the losses.

Examples:
    >>> import softloc
    >>> loss = softloc.losses.SoftLocLoss(softness_frames=10.0, alpha=0.9)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
