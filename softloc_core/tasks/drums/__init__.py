"""Drum onsets: MDB Drums, IDMT-SMT-Drums, ENST-Drums and rendered drums."""
