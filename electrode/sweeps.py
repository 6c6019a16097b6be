"""Runs side by side: one function over many potentials, seeds or structures, in this process or on the workers of dask.

The values are the same wherever a run is made, as long as it depends on its own entry alone: nothing is shared between runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product

LOCAL = "local"


@dataclass(frozen=True)
class Outcome:
    """What one run gave.

    Parameters
    ----------
    place : of the run in the order asked for
    value : what the function returned, None if it raised
    failure : what it raised, as text, empty if nothing
    """

    place: int
    value: object
    failure: str = ""


def map_runs(function: Callable, runs: Sequence, *, scheduler: str | None = None, workers: int | None = None) -> Iterator[Outcome]:
    """Call a function with each entry, and give each outcome as soon as it is known; a run that raises does not stop the others.

    Parameters
    ----------
    function : called with one entry; dask sends it, the entry and what it returns from process to process
    runs : the entries
    scheduler : None to make the runs here, one after the other; "local" for a cluster of processes on this machine; or the address
        of a scheduler of dask that runs already, such as tcp://host:8786
    workers : processes of a local cluster, each of one thread; by default as many as dask finds processors

    Raises
    ------
    ValueError
        for workers without a local cluster or fewer than one, an address without a scheduler behind it, or dask that is not installed.
    """
    require_workers(scheduler, workers)
    return _once(function, runs, scheduler, workers)


@contextmanager
def side_by_side(scheduler: str | None = None, workers: int | None = None) -> Iterator[Callable[[Callable, Sequence], Iterator[Outcome]]]:
    """Give a function that does as `map_runs`, whose workers stay until the end of the block however often it is called.

    Parameters
    ----------
    scheduler, workers : see `map_runs`, errors too
    """
    require_workers(scheduler, workers)
    if scheduler is None:
        yield _one_by_one
        return
    with _client(scheduler, workers) as client:
        yield partial(_distributed, client)


def require_workers(scheduler: str | None, workers: int | None) -> None:
    """Raise ValueError for workers without a local cluster, or fewer than one."""
    if workers is not None and (scheduler != LOCAL or workers < 1):
        raise ValueError(f"workers: expected at least 1, of the scheduler {LOCAL!r}; got {workers} with {scheduler!r}. An address has workers of its own")


def grid(axes: Mapping[str, Sequence]) -> list[dict]:
    """Return every combination of the values of some names, the last name varying fastest."""
    return [dict(zip(axes, values)) for values in product(*axes.values())]


def _once(function: Callable, runs: Sequence, scheduler: str | None, workers: int | None) -> Iterator[Outcome]:
    with side_by_side(scheduler, workers) as run:
        yield from run(function, runs)


def _one_by_one(function: Callable, runs: Sequence) -> Iterator[Outcome]:
    return (_outcome(function, k, entry) for k, entry in enumerate(runs))


def _outcome(function: Callable, place: int, entry) -> Outcome:
    try:
        return Outcome(place, function(entry))
    except Exception as error:  # the user's function, which may fail in any way; the other runs go on
        return Outcome(place, None, f"{type(error).__name__}: {error}")


def _distributed(client, function: Callable, runs: Sequence) -> Iterator[Outcome]:
    from distributed import as_completed

    futures = [client.submit(_outcome, function, k, entry, pure=False) for k, entry in enumerate(runs)]
    places = {future.key: k for k, future in enumerate(futures)}
    for future in as_completed(futures):
        if future.status == "finished":
            yield future.result()
        else:
            error = future.exception()
            yield Outcome(places[future.key], None, f"{type(error).__name__}: {error}")


@contextmanager
def _client(scheduler: str, workers: int | None):
    """Give a client of dask, of a cluster of its own or of a scheduler that runs already, and close what was opened."""
    try:
        import dask
        from distributed import Client, LocalCluster
    except ModuleNotFoundError as error:
        raise ValueError(f"runs side by side need dask, which is not installed ({error}); pip install 'electrode-interfaces[parallel]'") from error
    if scheduler == LOCAL:
        lost = {"distributed.scheduler.allowed-failures": 0}  # what a lost worker was doing is reported, not begun again: it may have cost a call
        with dask.config.set(lost), LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, Client(cluster) as client:
            yield client
        return
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise ValueError(f"scheduler {scheduler!r}: expected {LOCAL!r} or the address of a scheduler of dask, such as tcp://host:8786 ({error})") from error
    with client:
        yield client
