"""From sound to features: audio files, filter banks, front ends and the feature cache."""

from softloc_core.features.audio import AudioFile, AudioSource
from softloc_core.features.cache import FeatureCache
from softloc_core.features.front_ends import FRONT_ENDS, FrontEnd, front_end

__all__ = ["FRONT_ENDS", "AudioFile", "AudioSource", "FeatureCache", "FrontEnd", "front_end"]
