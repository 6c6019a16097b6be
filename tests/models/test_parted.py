"""Strictly local models in pieces: the same numbers, however cut and in however many processes, and a refusal of all others."""

import threading
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from teacher import interface, pupil
from toys import ChargeToy

from electrode import ElectrodeCalculator, load_model
from electrode.examples import example
from electrode.models.baseline import Baseline
from electrode.models.committee import Committee
from electrode.models.dual import Dual
from electrode.models.parted import NotLocal, OtherProcess, Parted, Processes
from electrode.models.pieces import cut
from electrode.models.schemes import SCHEMES
from electrode.models.templates import Template, TemplateConfig
from electrode.nn.conditioning import Envelope
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure
from electrode.thermo import evaluate


def template(letter="f", **choices):
    """A template with weights as drawn, those of the variable too, beside a capacitor that keeps it stable."""
    shape = RepresentationConfig(channels=4, radial_functions=4, cutoff=3.5)
    model = Template(TemplateConfig((1, 8, 79), letter, representation=shape, readout_hidden=4, capacitor=True, **choices)).eval()
    weight, draw = model.conditioning.weight.weight, torch.Generator().manual_seed(3)
    with torch.no_grad():
        weight.copy_(0.05 * torch.randn(weight.shape, generator=draw, dtype=weight.dtype))
        model.network.energy_scale.fill_(0.2)
    return model


def committee(caution):
    """Two members that differ a little, with a price on that."""
    other, draw = deepcopy(pupil()), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.0 + 0.02 * torch.randn(parameter.shape, generator=draw, dtype=parameter.dtype))
    return Committee.of([pupil(), other], "dual", caution)


def without_short_range():
    """The dual model, what it learned beside the classical energy alone."""
    model = deepcopy(pupil())
    model.config = replace(model.config, short_range=False)
    return model


MODELS = {
    "dual": pupil, "without short range": without_short_range, "committee": lambda: committee(0.0), "cautious": lambda: committee(2.0),
    "template-f": template, "template-b of the charge per area": lambda: template("b", variable="charge_per_area"),
}  # fmt: skip
SYSTEMS = {
    "less than the reach": interface((1, 1, 3), height=-1.1, seed=21), "water": interface((3, 2, 2), height=2.6, water=True, seed=23),
}  # fmt: skip


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]()


@pytest.mark.parametrize("atoms", SYSTEMS.values(), ids=SYSTEMS)
@pytest.mark.parametrize("held", ["potential", "charge"])
def test_pieces_are_the_whole(model, atoms, held):
    structure = Structure.from_atoms(atoms)
    middle = evaluate(model, structure, Control(potential=5.0))
    control = Control(**{held: middle[held]})
    whole = evaluate(model, structure, control)
    for pieces in (1, 3):
        found = evaluate(Parted(model, pieces=pieces), structure, control)
        for name in ("canonical_energy", "grand_energy", "charge", "potential", "capacitance", "forces", *({"energy_std", "member_energies"} & whole.keys())):
            assert (found[name] - whole[name]).abs().max() < 1e-9, name


@pytest.mark.parametrize("made", [pupil, lambda: committee(2.0)], ids=["dual", "cautious"])
def test_pieces_by_autograd_are_those_written_out(made, monkeypatch):
    """The classical way, of which the shorter one is a copy: pieces of a scheme that does not write out its derivatives."""
    structure, control = Structure.from_atoms(SYSTEMS["water"]), Control(charge=0.01)
    parted = Parted(made(), pieces=3)
    written = evaluate(parted, structure, control)
    assert all(piece.written for piece in parted._last[1])
    monkeypatch.setattr(Dual, "members_of", lambda *_: None)
    parted = Parted(made(), pieces=3)
    plain = evaluate(parted, structure, control)
    assert not any(piece.written for piece in parted._last[1])
    for name in ("canonical_energy", "potential", "capacitance", "forces"):
        assert (plain[name] - written[name]).abs().max() < 1e-9


def test_forces_are_the_gradient_of_the_energy_in_pieces():
    """Of a cell thinner than the reach, wrapped otherwise than the whole, an atom across a boundary of the cell and one at the plane among them."""
    atoms = SYSTEMS["less than the reach"].copy()
    atoms.positions[0] += atoms.cell[1] - 2 * atoms.cell[0]
    parted, control = Parted(committee(2.0), pieces=2), Control(potential=5.0)
    pairs = [(0, 0), (1, 1), (2, 2), (3, 0), (3, 2)]
    forces = evaluate(parted, Structure.from_atoms(atoms), control)["forces"]
    numerical = []
    for pair in pairs:  # a piece is cut from one system
        images = [atoms.copy() for _ in range(2)]
        for image, step in zip(images, (-1e-4, 1e-4)):
            image.positions[pair] += step
        low, high = (evaluate(parted, Structure.from_atoms(image), control)["grand_energy"] for image in images)
        numerical.append(-(high - low).item() / 2e-4)
    assert np.abs([forces[p].item() for p in pairs] - np.array(numerical)).max() < 1e-6


def test_what_is_far_apart_adds_up(model):
    """Two atoms further apart than twice the reach: moving both changes the sums by what moving each does, where charge or potential stay."""
    reach, pair = model.reach, Atoms("H2", [[0, 0, 12.0], [0, 0, 12.0]])
    slab = interface((2, 2, 2))[:-1]
    slab.set_cell([[40.0, 0, 0], [0, 8.0, 0], [0, 0, 24.0]])
    top = slab.positions[:, 2].max()
    pair.positions = [[3.0, 2.0, top + 1.2], [23.0, 3.0, top + 1.4]]
    other = slab.copy()
    other.positions[:, 0] += 20.0
    assert 2 * reach < 14.1

    def sums(first, second):
        atoms = slab + other + pair
        atoms.positions[-2] += first
        atoms.positions[-1] += second
        structure, control = Structure.from_atoms(atoms), Control(**{model.natural: 5.0 if model.natural == "potential" else 0.1})
        natural, others = model.sums(structure, control.expand(1), model.describe(structure))
        return torch.cat([natural, others[0]]).detach().numpy()

    a, b = np.array([0.2, 0.1, 0.15]), np.array([-0.1, 0.2, 0.3])
    assert np.abs(sums(a, b) - sums(a, 0) - sums(0, b) + sums(0, 0)).max() < 1e-9
    assert np.abs(sums(a, 0) - sums(0, 0)).min() > 1e-4


def in_threads(size, work):
    """Run `work(processes)` in threads that add up as processes do; return results or errors."""
    barrier, table, found = threading.Barrier(size, timeout=60), [None] * size, [None] * size

    def add(rank):
        def added(own):
            table[rank] = own
            barrier.wait()
            total = np.sum(table, axis=0)
            barrier.wait()
            return total

        return added

    def run(rank):
        try:
            found[rank] = work(Processes(rank, size, add(rank)))
        except Exception as error:
            found[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_processes_share_the_pieces():
    atoms = SYSTEMS["water"]
    structure, control = Structure.from_atoms(atoms), Control(charge=0.01)
    whole = evaluate(committee(2.0), structure, control)
    for found in in_threads(2, lambda processes: evaluate(Parted(committee(2.0), pieces=3, processes=processes), structure, control)):
        for name in ("canonical_energy", "potential", "forces"):
            assert (found[name] - whole[name]).abs().max() < 1e-9


def test_where_one_process_fails_all_do():
    def work(processes):
        model = template()
        if processes.rank == 1:
            model.network.elements = (1, 8)  # gold is unknown here alone
        return evaluate(Parted(model, processes=processes), Structure.from_atoms(SYSTEMS["water"]), Control(potential=5.0))

    other, own = in_threads(2, work)
    assert isinstance(own, ValueError) and "79" in str(own)
    assert isinstance(other, OtherProcess) and "1 other" in str(other)


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_a_cut_holds_all_that_an_atom_sees(pieces):
    """Every own atom has the neighbours that brute force finds, and every atom is owned once."""
    atoms, reach = interface((2, 1, 2), seed=5), 5.3
    atoms.positions += [7.0, -9.0, 0.0]
    structure = Structure.from_atoms(atoms)
    shifts = np.array([i * atoms.cell[0] + j * atoms.cell[1] for i in range(-4, 5) for j in range(-4, 5)])
    images = (atoms.positions[:, None] + shifts).reshape(-1, 3)
    owned = np.zeros(len(atoms), dtype=int)
    for piece, index in cut(structure, pieces, reach, range(pieces)):
        own, positions = piece.share.own.numpy(), piece.positions.numpy()
        np.add.at(owned, index[own], 1)
        for k in np.flatnonzero(own):
            seen, wanted = (np.linalg.norm(x - y, axis=1) for x, y in ((positions, positions[k]), (images, atoms.positions[index[k]])))
            assert np.allclose(np.sort(seen[seen < reach]), np.sort(wanted[wanted < reach]))
    assert (owned == 1).all()
    assert sum(piece.share.cell for piece, _ in cut(structure, pieces, reach, range(pieces))) == 1


def test_only_local_models_are_parted():
    for name, made in {"baseline": Baseline(), "toy": ChargeToy(), "envelope": template(envelope=Envelope())}.items():
        with pytest.raises(NotLocal, match="strictly local"):
            Parted(made)
        assert made.reach is None, name
    declared = {name for name, scheme in SCHEMES.items() if scheme.load().reach is not Baseline.reach}
    assert declared == {"dual", "committee", *(f"template-{letter}" for letter in "abcdef")}


def test_refusals():
    structure = Structure.from_atoms(SYSTEMS["water"])
    with pytest.raises(ValueError, match="one system"):
        evaluate(Parted(pupil()), Structure.from_atoms([SYSTEMS["water"]] * 2), Control(potential=5.0))
    close = SYSTEMS["water"].copy()
    close.positions[-1] = close.positions[-2] + 0.1
    with pytest.raises(ValueError, match="numbers its own atoms: atoms .* are 0.173 A apart"):
        evaluate(Parted(pupil(), pieces=2), Structure.from_atoms(close), Control(potential=5.0))
    with pytest.raises(ValueError, match="at least one piece"):
        Parted(pupil(), pieces=1, processes=Processes(0, 2))
    with pytest.raises(RuntimeError, match="one derivative"):
        evaluate(Parted(pupil()), structure, Control(potential=5.0), create_graph=True)


def test_other_weights_are_seen():
    model, structure, control = without_short_range(), Structure.from_atoms(SYSTEMS["water"]), Control(potential=5.0)
    parted = Parted(model, pieces=2)
    before = evaluate(parted, structure, control)["grand_energy"]
    with torch.no_grad():
        model.element_energy.add_(1.0)
    assert evaluate(parted, structure, control)["grand_energy"] - before == pytest.approx(len(structure.numbers))


def test_a_calculator_takes_it():
    """As the whole model, along a path of positions: nothing remembered is used for others."""
    near, far, model = example("hop-initial"), example("hop-initial"), load_model("au111-h")
    near.calc, far.calc = (ElectrodeCalculator(m, potential=-0.5, reference="SHE") for m in (model, Parted(model, pieces=2)))
    for k in range(3):
        for atoms in (near, far):
            atoms.rattle(0.02, seed=k)
        assert far.get_potential_energy() == pytest.approx(near.get_potential_energy(), abs=1e-9)
        assert np.abs(far.get_forces() - near.get_forces()).max() < 1e-9
