"""A study's folder, the truth on disk: Parquet tables and their schema, the lock, logs, weights."""
