"""Figures made with matplotlib, and heat maps for the terminal; the same input gives the same bytes."""
