"""Which strategy, for how much data?  One choice at a time from a centre, each trained for the same CPU time, on the same frames.

`python -m validation strategies run --results FOLDER [--sets teacher hydronium] [--budget 180] [--jobs 2] [--seeds 0] [--points ...] [--train 200]`
`python -m validation strategies table --results FOLDER [--plots FOLDER]`

`run` writes one JSON for each training, leaves out those that are there, and says what it skipped; `table` compares them.
"""

from validation.strategies.command import main

__all__ = ["main"]
