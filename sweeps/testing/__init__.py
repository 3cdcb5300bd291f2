"""Simulated tasks for tests and benchmarks of the orchestration."""
