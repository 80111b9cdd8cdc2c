"""The rivals of `benchmarks/rivals_speed.py`: each is measured beside ours, in turns, in one run."""
