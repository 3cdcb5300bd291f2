"""MLflow as a view of a study: written from Parquet, and rewritten at any time."""
