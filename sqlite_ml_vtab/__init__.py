"""Machine learning inside SQLite: a predictor is a table."""

__version__ = "0.1.0"
