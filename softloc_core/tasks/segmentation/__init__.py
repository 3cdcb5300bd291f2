"""Starts of actions in video: 50 Salads, GTEA and rendered activities."""
