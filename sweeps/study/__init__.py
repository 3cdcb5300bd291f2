"""A study file becomes a `Study`: keys, units, rules, and errors that name their line."""
