"""Answers as text and tables."""
