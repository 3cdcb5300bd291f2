"""A study and its data become trials, each with its identity."""
