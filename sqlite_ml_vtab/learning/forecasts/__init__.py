"""Forecasting: rows to series on equal steps, lags of them to any regression algorithm, and its test."""
