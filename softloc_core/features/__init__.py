"""Sound to numbers: audio files, filter banks, front ends and the feature cache."""

from softloc_core.features.audio import AudioFile, AudioSource
from softloc_core.features.cache import FRONT_ENDS, FeatureCache, front_end
from softloc_core.features.front_ends import FrontEnd

__all__ = ["FRONT_ENDS", "AudioFile", "AudioSource", "FeatureCache", "FrontEnd", "front_end"]
