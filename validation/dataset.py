"""A data set of many frames on disk: how long it takes to write, open and read, and what memory it needs.

`python -m validation dataset [FRAMES] [WORKERS]` writes synthetic frames of H on Au(111), 13 atoms each (100,000 by default), to a
temporary folder, reads them one by one, in shuffled batches and by column, and searches their neighbours.  Memory is that of the
process itself (RssAnon); pages of the files that the system keeps in its cache are counted apart.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from ase.build import add_adsorbate, fcc111

from electrode.data.dataset import MappedDataset
from electrode.data.dataset_writer import write_dataset
from electrode.data.record import ElectrifiedFrame
from electrode.physics.neighbour_store import build_neighbours

FRAMES, CUTOFF, BATCH = 100_000, 5.0, 64
SAMPLE = 2_000  # frames between two looks at the memory


def synthetic(count: int, seed: int = 0) -> Iterator[ElectrifiedFrame]:
    """Yield labelled frames of a shaken slab, one after the other."""
    rng = np.random.default_rng(seed)
    slab = fcc111("Au", (2, 2, 3), vacuum=8.0)
    add_adsorbate(slab, "H", 1.0, "fcc")
    for k in range(count):
        atoms, n = slab.copy(), float(rng.uniform(-0.5, 0.5))
        atoms.info = {}
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
        yield ElectrifiedFrame(
            atoms, f"synthetic frame {k}", version=1, energy=-22.75 - 5.3 * n + 0.85 * n * n, energy_kind="E", n_excess=n, mu=-5.3 + 1.7 * n,
            mu_zero="electrolyte", ensemble="fixed_n", phi_she=4.44, countercharge="jellium_slab", normal=2, sides=1, scf_converged=True,
            method_id="synthetic", forces=rng.normal(size=(13, 3)), trajectory=f"run{k // 100}", system="Au111_H",
        )  # fmt: skip


def memory() -> dict[str, float]:
    """Return the process's own and the files' resident memory [MB]."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return {name: int(lines[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile")}


class Watch:
    """Prints the time of each step and the peak of the process's own memory over its start."""

    def __init__(self, count: int):
        self.count, self.peak, self.start = count, 0.0, memory()["RssAnon"]

    def look(self, k: int) -> None:
        """Take a sample of the memory now and then."""
        if k % SAMPLE == 0:
            self.peak = max(self.peak, memory()["RssAnon"] - self.start)

    @contextmanager
    def step(self, name: str):
        """Time one step."""
        begin, self.peak = time.perf_counter(), 0.0
        yield
        self.look(0)
        seconds = time.perf_counter() - begin
        print(f"{name:28} {seconds:9.3f} s {1e6 * seconds / self.count:9.2f} us/frame   own memory +{self.peak:7.1f} MB   file pages {memory()['RssFile']:7.0f} MB", flush=True)


def watched(frames: Iterator, watch: Watch) -> Iterator:
    """Yield the items, looking at the memory on the way."""
    for k, item in enumerate(frames):
        watch.look(k)
        yield item


def main(argv: list[str]) -> int:
    """Write, open and read a large data set."""
    count, workers = (int(argv[0]) if argv else FRAMES), (int(argv[1]) if len(argv) > 1 else 1)
    folder = Path(tempfile.mkdtemp())
    watch = Watch(count)
    try:
        with watch.step("write"):
            write_dataset(folder / "d", watched(synthetic(count), watch), check=False)
        with watch.step("open"):
            data = MappedDataset(folder / "d")
        with watch.step("one column, n_excess"):
            total = float(data.column("n_excess").sum())
        with watch.step("every frame in order"):
            again = sum(f.n_excess for f in watched(data, watch))
        with watch.step(f"shuffled batches of {BATCH}"):
            seen = sum(f.n_excess for batch in data.batches(BATCH, seed=1) for f in watched(batch, watch))
        with watch.step("verify the digest"):
            data.verify()
        with watch.step(f"neighbours, {workers} worker(s)"):
            store = build_neighbours(data, CUTOFF, workers)
        with watch.step("read every list"):
            pairs = sum(len(store[k].index) for k in watched(range(count), watch))
        size = sum(p.stat().st_size for p in (folder / "d").iterdir()) / 1e6
        lists = sum(p.stat().st_size for p in (folder / f"d.neighbours-{CUTOFF}").iterdir()) / 1e6
        print(f"{count} frames: {size:.0f} MB on disk, lists of {pairs} pairs {lists:.0f} MB; sums agree: {np.allclose([again, seen], total)}")
    finally:
        shutil.rmtree(folder)
    return 0
