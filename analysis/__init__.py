"""What stored Parquet says: regression surfaces, comparisons, figures, reports."""
