"""Searching for a better model: folds, spaces of hyperparameters, ways to go through them, and what beats what."""
