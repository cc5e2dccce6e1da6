"""Searches for good settings with Optuna: what is tried, trials that any number of machines share, what mattered."""
