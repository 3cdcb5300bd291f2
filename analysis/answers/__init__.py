"""What a study answers: maps, curves, comparisons, recommendations. Computes and draws nothing."""
