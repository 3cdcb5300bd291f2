"""Digits on canvases, learned from counts alone."""
