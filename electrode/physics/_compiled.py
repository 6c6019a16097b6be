"""How the loops of this package are compiled, and where their machine code is kept.

numba keeps it in NUMBA_CACHE_DIR, beside the source or in the user's cache folder, and gives up where none of them can be written: a package
installed read-only without a home folder, a full disk, a quota reached.  Here each process then compiles for itself, and says so once.
That is logged rather than warned of: where warnings are errors, a slow start would become none.
"""

from __future__ import annotations

import logging
from functools import cache

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher


def compiled(**options):
    """Return the decorator of a loop that numba compiles, and keeps for later processes wherever it can.

    Parameters
    ----------
    options : of `numba.njit`, such as fastmath
    """

    def decorate(function):
        loop = njit(no_cfunc_wrapper=True, **options)(function)
        if isinstance(loop, Dispatcher):  # with its compiler switched off numba leaves the function as it is
            loop._cache = _kept(function) or loop._cache
        return loop

    return decorate


class _Kept(FunctionCache):
    """Machine code on disk, as long as there is room for it."""

    def save_overload(self, sig, data) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _say_not_kept(str(error.strerror))


def _kept(function) -> _Kept | None:
    try:
        return _Kept(function)
    except RuntimeError:  # numba's word for: no place to write
        _say_not_kept("no folder for them can be written")
        return None


@cache
def _say_not_kept(reason: str) -> None:
    logging.getLogger("electrode").warning(
        "electrode: compiled kernels are not kept (%s), so every process compiles them anew, which takes some seconds. "
        "Set NUMBA_CACHE_DIR to a folder that can be written and has room.", reason
    )  # fmt: skip
