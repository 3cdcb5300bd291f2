"""Trials become rows: Ray Tune dispatches them, a recorder stores them."""
