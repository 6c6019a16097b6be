"""How atoms and lattice vectors are placed in a cell changes nothing, or is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from teacher import SMALL, interface, labelled

from electrode.data.problems import DataError
from electrode.models.baseline import Baseline
from electrode.models.dual import Dual, DualConfig
from electrode.models.equilibration import Equilibration
from electrode.models.equilibration_config import EquilibrationConfig
from electrode.models.plates import plate_potential
from electrode.models.razor import Razor, RazorConfig
from electrode.models.response import Response, ResponseConfig
from electrode.models.schemes import find_scheme
from electrode.models.store import build_model
from electrode.models.taylor import Taylor, TaylorConfig
from electrode.nn.conditioning import Envelope
from electrode.physics.one_face import require_one_face, require_one_slab
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure, electrode_atoms
from electrode.thermo import evaluate
from electrode.train.blocks import blocks
from electrode.train.labels import held
from electrode.train.metrics import compare

FUNCTIONS = SymmetryFunctions((1, 8, 79), **SMALL["symmetry_functions"])


def slab(periodic=True):
    atoms = interface((2, 1, 2), height=2.6, water=True, seed=23)
    atoms.pbc = (True, True, periodic)
    return atoms


def wrapped(atoms, which, times=-1):
    moved = atoms.copy()
    moved.positions[which] += times * atoms.cell[2]
    return moved


OUTSIDE, BOTTOM = slice(-3, None), slice(0, 2)
ONE_SIDED = {
    "dual": lambda s: Dual(DualConfig(FUNCTIONS)).kernels(s),
    "razor": lambda s: Razor(RazorConfig(FUNCTIONS)).kernels(s),
    "response": lambda s: Response(ResponseConfig(FUNCTIONS, 0)).describe(s),
    "envelope": lambda s: Envelope().of(s, s.positions),
}


@pytest.mark.parametrize("order", [[1, 2, 0], [2, 0, 1]])
def test_a_surface_along_other_vectors_than_the_first_two_is_refused_with_the_order_that_mends_it(order):
    atoms = slab(periodic=False)
    other = atoms.copy()
    other.set_cell(atoms.cell.array[order])
    other.pbc = atoms.pbc[order]
    with pytest.raises(ValueError, match="first two lattice vectors") as error:
        Structure.from_atoms([atoms, other])
    mend = [int(x) for x in str(error.value).split("cell[[")[1].split("]")[0].split(",")]
    np.testing.assert_array_equal(other.cell.array[mend], atoms.cell.array)
    assert other.pbc[mend].tolist() == [True, True, False]


@pytest.mark.parametrize("name", ONE_SIDED)
def test_atoms_wrapped_behind_the_electrode_are_refused_where_heights_count(name):
    look = ONE_SIDED[name]
    look(Structure.from_atoms([slab(), wrapped(slab(), slice(None)), slab(False)]))
    with pytest.raises(ValueError, match="system 1: atoms stand .* behind the electrode"):
        look(Structure.from_atoms([slab(), wrapped(slab(), OUTSIDE)]))
    with pytest.raises(ValueError, match="in two parts"):
        look(Structure.from_atoms(wrapped(slab(), BOTTOM, times=1)))


def test_without_a_repeat_along_the_normal_atoms_far_behind_the_electrode_stay_there():
    heights, electrode = np.array([-30.0, 0.0, 2.0, 5.0, 25.0]), np.array([False, True, True, False, False])
    system = np.zeros(5, int)
    require_one_face(heights, system, electrode, np.array([False]))
    with pytest.raises(ValueError, match="30.0 A behind"):
        require_one_face(heights, system, electrode, np.array([True]))


@pytest.mark.parametrize("countercharge", ["two_sheets", "uniform"])
def test_two_sided_plates_take_the_nearest_images(countercharge):
    whole = plate_potential(Structure.from_atoms(slab()), countercharge)
    for moved in (wrapped(slab(), OUTSIDE), wrapped(slab(), BOTTOM, times=1)):
        torch.testing.assert_close(plate_potential(Structure.from_atoms(moved), countercharge), whole, rtol=1e-12, atol=1e-10)


def test_a_scheme_without_heights_does_not_ask_where_atoms_are_wrapped():
    model = Taylor(replace(TaylorConfig(FUNCTIONS), landmarks=2))
    a, b = (evaluate(model, Structure.from_atoms(x), Control(charge=0.02)) for x in (slab(), wrapped(slab(), OUTSIDE)))
    torch.testing.assert_close(a["forces"], b["forces"])


@pytest.mark.parametrize("normal", [0, 1])
def test_frames_with_their_normal_along_another_vector_are_refused(normal):
    frame = replace(labelled(slab(periodic=False), (0.0,))[0], normal=normal)
    with pytest.raises(DataError, match=f"eir_normal = {normal}"):
        held(Dual(DualConfig(FUNCTIONS)), [frame])


def test_tags_that_count_from_the_bulk_to_the_adsorbate_are_refused():
    atoms = slab(periodic=False)
    layers = atoms.get_tags()
    np.testing.assert_array_equal(electrode_atoms(atoms), layers > 0)
    atoms.set_tags(np.where(layers == 0, 2, np.where(layers == 1, 1, 0)))  # adsorbate, surface, subsurface
    with pytest.raises(ValueError, match=r"\['H', 'O'\] \(tag 2\)"):
        Structure.from_atoms(atoms)
    atoms.set_array("eir_region", (layers == 0).astype(int))
    np.testing.assert_array_equal(electrode_atoms(atoms), layers > 0)


def two_electrodes():
    """A slab, water above it, and another slab that faces it."""
    atoms = slab(periodic=False)
    other = atoms[atoms.symbols == "Au"]
    other.positions[:, 2] += 20.0
    atoms.cell[2, 2] += 20.0
    return atoms + other


NETWORKS = ("eep", "dp-ne", "template-f", "correction", "cp-mlff-node", "direct-forces", "multihead", "separate")
ONE_SURFACE = {
    "baseline": lambda: Baseline(),
    "equilibration": lambda: Equilibration(EquilibrationConfig(FUNCTIONS)),
    "taylor": lambda: Taylor(TaylorConfig(FUNCTIONS)),
    **{name: lambda name=name: build_model(name, find_scheme(name).config().for_elements((1, 8, 79))) for name in NETWORKS},
}


@pytest.mark.parametrize("name", ONE_SURFACE)
def test_a_second_electrode_is_refused_where_the_area_of_one_counts(name):
    model = ONE_SURFACE[name]()
    control = Control(charge=0.02) if model.natural == "charge" else Control(potential=4.5)
    with pytest.raises(ValueError, match="system 1: the electrode is in two parts, 1.*eir_region"):
        evaluate(model, Structure.from_atoms([slab(False), two_electrodes()]), control)
    with pytest.raises(ValueError, match="in two parts"):
        compare(model, labelled_as_one(two_electrodes()))
    with pytest.raises(ValueError, match="in two parts"):
        blocks(model, labelled_as_one(two_electrodes()))
    marked = two_electrodes()
    marked.set_array("eir_region", np.where(marked.positions[:, 2] > 15.0, 3, np.where(marked.symbols == "Au", 0, 2)))
    evaluate(model, Structure.from_atoms(marked), control)


def labelled_as_one(atoms):
    """A frame of these atoms, whatever its labels."""
    (frame,) = labelled(slab(False), (0.0,))
    return [replace(frame, geometry=atoms, forces=np.zeros((len(atoms), 3)))]


def test_a_slab_that_the_boundary_cuts_is_one():
    whole = Structure.from_atoms([slab(), wrapped(slab(), BOTTOM, times=1)])
    of = lambda s, cells=1.0: (s.positions.numpy(), s.cell.numpy() * cells, s.pbc.numpy(), s.system.numpy(), s.electrode.numpy())
    require_one_slab(*of(whole))
    facing = two_electrodes()
    facing.pbc = True
    with pytest.raises(ValueError, match="system 0.*in two parts"):
        require_one_slab(*of(Structure.from_atoms(facing)))


@pytest.mark.parametrize("name", ["equilibration", "razor"])
def test_double_precision_is_asked_for_before_any_work(name, monkeypatch):
    model = {**ONE_SURFACE, "razor": lambda: Razor(RazorConfig(FUNCTIONS))}[name]()
    monkeypatch.setattr(type(model), "describe", lambda *_: pytest.fail("work was done"))
    monkeypatch.setattr(type(model), "closed_form", lambda *_: pytest.fail("work was done"))
    for structure, precise in ((Structure.from_atoms(slab(False), torch.float32), model), (Structure.from_atoms(slab(False)), model.float())):
        with pytest.raises(ValueError, match="got float32.*all but equilibration and razor"):
            evaluate(precise, structure, Control(charge=0.02))


def test_positions_and_weights_share_a_precision():
    single, control = Structure.from_atoms(slab(False), torch.float32), Control(potential=4.4)
    model = Dual(DualConfig(FUNCTIONS)).eval()
    exact = evaluate(model, Structure.from_atoms(slab(False)), control)["grand_energy"]
    with pytest.raises(ValueError, match="precision of the weights, torch.float64; got torch.float32"):
        evaluate(model, single, control)
    assert evaluate(model.float(), single, control)["grand_energy"].item() == pytest.approx(exact.item(), rel=1e-5)
