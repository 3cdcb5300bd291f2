"""Known surfaces for tests and benchmarks of the estimators."""
