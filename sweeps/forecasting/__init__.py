"""What a study will cost before it runs: points, pilot trials, hours."""
