"""Sound to numbers: audio files, filter banks, front ends and the feature cache."""
