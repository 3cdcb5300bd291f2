"""Smoking puffs in wrist-sensor features: puffMarker and rendered sessions."""
