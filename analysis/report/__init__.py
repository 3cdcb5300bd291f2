"""Every answer about a study on one HTML page, and the files that the commands write."""
