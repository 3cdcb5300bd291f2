"""A stored study as tables: loading, scoring again, axes, categories, what is held or averaged."""
