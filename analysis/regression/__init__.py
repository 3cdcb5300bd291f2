"""Fits of scores over numbers, with their uncertainty; knows nothing of studies or figures."""
