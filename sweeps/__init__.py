"""Orchestration: study files, designs, Ray dispatch, the Parquet store, MLflow, the command line."""
