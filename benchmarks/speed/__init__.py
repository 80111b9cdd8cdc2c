"""The sections of `benchmarks/run.py`: each yields figures, and nothing here prints."""
