"""Generated input with ground truth."""
