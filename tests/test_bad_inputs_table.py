"""The table of bad inputs: which file holds the test of which row, and that there is one for every row."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = {
    "test_bad_inputs.py": "frames in a file, outputs of codes",
    "test_bad_inputs_structures.py": "controls, structures, bands, dynamics",
    "test_bad_inputs_files.py": "labels, splits, files of models and trainings",
}
ROWS = {  # row: what it is
    1: "NaN or infinity", 2: "kind of the energy", 3: "charge on some frames only", 4: "a sign or a count", 5: "n and Q of one sign", 6: "electron counts",
    7: "mu out of range", 8: "mu in hartree", 9: "a potential without scale", 10: "two levels of SHE", 11: "mu of the cell's average", 12: "uniform background",
    13: "Omega of all electrons", 14: "no FERMI_SHIFT", 15: "a target never gone for", 16: "not converged", 17: "outside the trained range",
    18: "an unreachable target", 19: "negative capacitance", 20: "too few points", 21: "unknown elements", 22: "no volume", 23: "coincident atoms",
    24: "periodicity and normal", 25: "slabs and gaps", 26: "left-handed and thin cells", 27: "cells below the cutoff", 28: "net charge without counter-charge",
    29: "field along a periodic direction", 30: "shape and unit of a field", 31: "types", 32: "empty entries", 33: "forces of others", 34: "constraint-zeroed forces",
    35: "energy and forces of two kinds", 36: "units", 37: "duplicates across parts", 38: "two references in one method", 39: "one charge only",
    40: "damaged models", 41: "other versions", 42: "a training that goes on with other data", 43: "existing files", 44: "a shared calculator",
    45: "end states", 46: "a far start", 47: "unstable dynamics", 48: "restarts", 49: "thermostats", 50: "devices and precision", 51: "no, one, many atoms",
    52: "paths and disks", 53: "engines", 54: "typing mistakes",
}  # fmt: skip
WAITING = set()  # a test, wholly or in part, that must fail until the feature is there


def found():
    """Return the rows that have a test, and those that have one that waits."""
    rows, waiting = set(), set()
    for name in FILES:
        tree = ast.parse((HERE / name).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith(("test_row_", "test_rows_")):
                own = {int(word) for word in node.name.split("_")[2:] if word.isdigit()}
                rows |= own if node.name.startswith("test_rows_") else {int(node.name.split("_")[2])}
                if any("xfail" in ast.unparse(d) for d in node.decorator_list):
                    waiting |= own if node.name.startswith("test_rows_") else {int(node.name.split("_")[2])}
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ROWS":
                rows |= {int(key.value.split()[0]) for key in node.value.keys}
    return rows, waiting


def test_every_row_has_a_test():
    rows, waiting = found()
    assert rows == set(ROWS) == set(range(1, 55)) and waiting == WAITING


@pytest.mark.parametrize("name", FILES)
def test_files_are_there(name):
    assert (HERE / name).is_file()
