"""The losses of `softloc_core.losses`, for any network that returns one logit per frame."""

from softloc_core.losses import *  # noqa: F403 - the whole door, under a shorter name
from softloc_core.losses import __all__ as __all__
