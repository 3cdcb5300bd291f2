"""Golf swing events in video features: GolfDB and rendered swings."""
