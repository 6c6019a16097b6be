"""`python -m validation teacher`: frames of the exact interface in the electrified-interface record."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from electrode.data.files import write_frames
from electrode.output import refuse_existing
from validation.teacher.sampling import Plan, sample


def main(argv: list[str]) -> int:
    """Sample, write, and say how long it took."""
    parser = argparse.ArgumentParser(prog="python -m validation teacher", description=__doc__)
    parser.add_argument("--layers", nargs="+", type=int, default=(1, 2), help="of water, in turn over the trajectories")
    parser.add_argument("--potentials", nargs="+", type=float, default=Plan().potentials, help="absolute [V], drawn for each trajectory")
    parser.add_argument("--size", nargs=3, type=int, default=Plan().size, help="of the slab, in atoms")
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--neutral", action="store_true", help="trajectories and labels without charge")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.output], arguments.force)
    torch.set_num_threads(1)
    plan = Plan(tuple(arguments.layers), tuple(arguments.potentials), tuple(arguments.size), neutral=arguments.neutral, seed=arguments.seed)
    start = time.process_time()
    frames = sample(plan, arguments.frames)
    write_frames(arguments.output, frames, arguments.force)
    names = {f.trajectory for f in frames}
    print(f"{len(frames)} frames of {len(names)} trajectories in {arguments.output}, {time.process_time() - start:.0f} s of CPU time")
    return 0
