"""Whether a frame that was written and read back is the frame that was written."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from electrode.data.plain import frame_to_plain
from electrode.data.problems import fault
from electrode.data.record import ElectrifiedFrame


def difference(frame: ElectrifiedFrame, back: ElectrifiedFrame) -> None:
    """Raise if a field, entry, column or constraint of a frame came back otherwise.

    Raises
    ------
    DataError
        with the first key that differs.
    """
    old, new = frame_to_plain(frame), frame_to_plain(back)
    for name in ("geometry", "info"):
        for key in {*old[name], *new[name]}:
            _same(old[name].get(key), new[name].get(key), key, frame.where)
    for key in {*old, *new} - {"geometry", "info", "where"}:
        _same(old.get(key), new.get(key), key, frame.where)


def _same(old, new, key: str, where: str) -> None:
    if isinstance(old, Mapping) and isinstance(new, Mapping) and set(old) == set(new):
        for k in old:
            _same(old[k], new[k], f"{key}.{k}", where)
    elif type(old) is not type(new) or not (old == new or np.array_equal(old, new)):
        raise fault(where, f"{key} = {old!r} would come back as {new!r}"[:300], f"remove {key} or write it in another form")
