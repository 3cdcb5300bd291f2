"""Read a study's folder and print what is there: status, front, importance, data."""
