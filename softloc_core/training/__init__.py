"""Train one network: excerpts, augmentation, the optimisation and its loop."""
