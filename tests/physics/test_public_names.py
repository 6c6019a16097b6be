"""The names that `electrode.physics` offers: each is there whatever was imported before, and costs nothing until it is used."""

import re
import subprocess
import sys
from importlib import import_module

import pytest

import electrode.physics as physics
from electrode.physics import charges, choice, constant_potential, moving_charges

LIGHT = "import sys; from electrode.physics import {}; print(*sorted({{'torch', 'numba', 'scipy', 'ase'}} & set(sys.modules)))"


def loaded(names):
    return subprocess.run([sys.executable, "-c", LIGHT.format(names)], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("name", physics.__all__)
def test_names_are_what_their_modules_define(name):
    module = import_module(physics._PUBLIC[name])
    assert getattr(physics, name) is getattr(module, name) and not isinstance(getattr(physics, name), type(module))
    assert getattr(physics, name).__doc__


def test_no_name_is_that_of_a_module():
    """A module that was imported would hide it."""
    modules = {m.split(".")[-1] for m in sys.modules if m.startswith("electrode.physics.")}
    assert not modules & set(physics.__all__)
    from electrode.physics import coulomb, equilibrate, ewald

    assert callable(equilibrate) and callable(coulomb) and callable(ewald)


def test_nothing_heavy_is_imported_before_it_is_needed():
    assert loaded("__doc__") == []
    assert not {"torch", "numba"} & set(loaded("Electrolyte, GouyChapman, Sheet"))
    assert "torch" not in loaded("equilibrate, equilibrate_charges, ConstantPotential")


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'nothing'; it has .*equilibrate"):
        physics.nothing
    assert dir(physics) == physics.__all__


def test_rule_for_dense_and_mesh_states_the_constants():
    said = set(map(int, re.findall(r"\d+", physics.__doc__)))
    bounds = [*(int(n) for n in choice.DENSE.values() if n != float("inf")), charges.FACTORISED_UP_TO, charges.MATRIX_UP_TO]
    assert {*bounds, moving_charges.DENSE_UP_TO, constant_potential.INVERTED} <= said
