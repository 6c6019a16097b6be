"""The exact interface: every derivative against differences of its scalar, on structures within the proton's reach of both sides."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from validation.teacher import command  # noqa: E402
from validation.teacher.calculator import TeacherCalculator  # noqa: E402
from validation.teacher.interface import Interface, capacitor  # noqa: E402
from validation.teacher.parameters import Charges, DoubleLayer  # noqa: E402
from validation.teacher.sampling import Plan, relabelled, sample  # noqa: E402
from validation.teacher.structures import between, ends, interface  # noqa: E402

SIZE = (2, 2, 2)
STEP = 1e-4


def rattled(atoms, seed=0):
    atoms.rattle(0.05, seed=seed)
    return atoms, np.random.default_rng(seed).normal(size=atoms.positions.shape)


def structures():
    initial, final = ends(1, size=SIZE, seed=1)
    return {
        "hydronium": rattled(initial.copy()),
        "path": rattled(between(initial, final, 0.5)),
        "sodium": rattled(interface(2, size=SIZE, added="none", ion="Na", seed=2)),
        "chloride": rattled(interface(2, size=SIZE, added="hydronium", ion="Cl", seed=3)),
    }


@pytest.fixture(params=structures())
def case(request):
    atoms, direction = structures()[request.param]
    return Interface(atoms), atoms.positions, direction


def slope(function, x, step=STEP):
    return (function(x + step) - function(x - step)) / (2.0 * step)


def test_forces_at_fixed_charge(case):
    (world, positions, v), charge = case, -0.3
    found = -slope(lambda s: world.at_charge(positions + s * v, charge).energy, 0.0)
    assert (world.at_charge(positions, charge).forces * v).sum() == pytest.approx(found, rel=1e-5, abs=1e-5)


def test_forces_at_fixed_potential(case):
    world, positions, v = case
    state = world.at_potential(positions, 4.6)
    found = -slope(lambda s: world.at_potential(positions + s * v, 4.6).grand_energy, 0.0)
    assert (state.forces * v).sum() == pytest.approx(found, rel=1e-5, abs=1e-5)
    assert np.allclose(state.forces, world.at_charge(positions, state.charge).forces)


def test_potential_and_capacitance_are_derivatives(case):
    world, positions, _ = case
    state = world.at_charge(positions, 0.1)
    assert state.potential == pytest.approx(slope(lambda q: world.at_charge(positions, q).energy, 0.1), abs=5e-7)
    assert 1.0 / state.capacitance == pytest.approx(slope(lambda q: world.at_charge(positions, q).potential, 0.1), rel=1e-5)
    assert -state.charge == pytest.approx(slope(lambda p: world.at_potential(positions, p).grand_energy, state.potential), abs=5e-7)


def test_maxwell(case):
    world, positions, v = case
    by_charge = slope(lambda q: (world.at_charge(positions, q).forces * v).sum(), 0.1)
    by_place = -slope(lambda s: world.at_charge(positions + s * v, 0.1).potential, 0.0)
    assert by_charge == pytest.approx(by_place, rel=1e-4, abs=1e-5)


def test_capacitance_is_positive_everywhere(case):
    world, positions, _ = case
    states = world.at_charges(positions, np.linspace(-1.0, 1.0, 5))
    assert min(s.capacitance for s in states) > 0
    assert (np.diff([s.potential for s in states]) > 0).all()
    assert all(s.charges.sum() == pytest.approx(s.charge, abs=1e-9) for s in states)


def test_nothing_depends_on_the_origin_or_the_image(case):
    world, positions, _ = case
    moved = positions + [0.3, -0.7, 0.4]
    moved[::3] += world.cell[0]
    a, b = world.at_charge(positions, 0.1), world.at_charge(moved, 0.1)
    assert a.energy == pytest.approx(b.energy, abs=1e-8) and np.allclose(a.forces, b.forces, atol=1e-8)


def test_a_proton_takes_its_charge_along():
    initial, final = ends(1, size=SIZE, seed=1)
    charges = [Interface(a).at_charge(a.positions, 0.0).charges for a in (initial, final)]
    metal = initial.numbers == 79
    assert charges[0][metal].sum() < -0.7 and abs(charges[1][metal].sum()) < 0.3


def test_hardness_is_convex_and_the_layer_too():
    c = Charges()
    assert all(t * t < 2 * j * u for j, t, u in zip(c.hardness, c.cubic, c.quartic))
    layer = DoubleLayer()
    for q in np.linspace(-2, 2, 9):
        value = lambda x: capacitor(layer, x, 30.0)
        assert value(q)[1] == pytest.approx(slope(lambda x: value(x)[0], q), abs=1e-6)
        assert value(q)[2] == pytest.approx(slope(lambda x: value(x)[1], q), rel=1e-4) and value(q)[2] > 0


def test_calculator_holds_what_it_says():
    atoms = interface(1, size=SIZE)
    atoms.calc = TeacherCalculator(potential=4.4)
    energy, charge = atoms.get_potential_energy(), atoms.calc.results["charge"]
    assert atoms.calc.results["potential"] == pytest.approx(4.4, abs=1e-9)
    assert energy == pytest.approx(atoms.calc.results["canonical_energy"] - 4.4 * charge)
    atoms.calc = TeacherCalculator(charge=charge)
    assert atoms.get_potential_energy() == pytest.approx(energy + 4.4 * charge)
    with pytest.raises(ValueError, match="a charge .e. or a potential"):
        TeacherCalculator()


def test_frames_depend_on_the_seed_alone_and_pass_the_checks(tmp_path, capsys):
    from electrode.data.files import read_frames

    file = tmp_path / "frames.xyz"
    arguments = ["--layers", "1", "--size", "2", "2", "2", "--frames", "4", "--seed", "3", "--output", str(file)]
    assert command.main(arguments) == 0 and "4 frames of 1 trajectories" in capsys.readouterr().out
    again = sample(Plan((1,), size=SIZE, seed=3), 4)
    read = read_frames(file)
    for a, b in zip(read, again):
        assert a.energy == b.energy and a.n_excess == b.n_excess and np.array_equal(a.forces, b.forces) and a.trajectory == b.trajectory
    assert read[0].geometry_id == read[1].geometry_id and read[0].potential != read[1].potential
    with pytest.raises(FileExistsError):
        command.main(arguments)
    far = relabelled(read, 0.5, 4.7)
    assert len(far) == 2 and all(f.potential == pytest.approx(5.2, abs=1e-9) for f in far)


def test_neutral_frames_hold_no_charge():
    frames = sample(Plan((1,), size=SIZE, neutral=True, warm_up=2, stride=2), 3)
    assert [f.charge for f in frames] == [0.0] * 3 and len({f.geometry_id for f in frames}) == 3


def test_refuses_what_it_does_not_know():
    atoms = interface(1, size=SIZE)
    atoms.numbers[-1] = 26
    with pytest.raises(ValueError, match="expected a slab of Au"):
        Interface(atoms)
    for wrong in ({"layers": 0}, {"layers": 1, "added": "proton"}, {"layers": 1, "ion": "K"}):
        with pytest.raises(ValueError, match="interface: expected layers"):
            interface(**wrong)
    with pytest.raises(ValueError, match="at least one frame"):
        sample(Plan(), 0)
