"""A band is evaluated as one batch, and its end states are compared."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from toys import HopToy, hop_ends

from electrode.band import Band, NEBSettings, interpolate
from electrode.end_states import different_atoms, same_basin, same_bonds, same_place
from electrode.examples import example
from electrode.references import SHE
from electrode.state import Control, Structure
from electrode.thermo import evaluate


def chain(n=4):
    """Images on a straight line."""
    initial, final = hop_ends()
    images = [initial.copy() for _ in range(n)]
    for k, image in enumerate(images):
        image.positions += k / (n - 1) * (final.positions - initial.positions)
    return images


def test_images_read_their_part_of_one_batch():
    model, images = HopToy(), chain()
    band = Band(images, model, Control(potential=4.3))
    found = [(i.get_potential_energy(), i.get_forces()) for i in images]
    assert model.sizes == [4] and band.calls == 1
    for image, (energy, forces) in zip(images, found):
        alone = evaluate(HopToy(), Structure.from_atoms(image), Control(potential=4.3))
        assert energy == pytest.approx(float(alone["grand_energy"]), abs=1e-12)
        assert np.allclose(forces, alone["forces"].numpy(), atol=1e-12)


def test_one_moved_image_costs_one_call():
    model, images = HopToy(), chain()
    band = Band(images, model, Control(potential=4.3))
    before = band.energies().copy()
    images[1].positions[-1, 2] += 0.1
    assert [i.get_potential_energy() != e for i, e in zip(images, before)] == [False, True, False, False]
    assert band.calls == 2 and model.calls == 2


def test_forces_handed_out_are_copies():
    images = chain()
    band = Band(images, HopToy(), Control(potential=4.3))
    images[2].get_forces()[:] = 7.0
    assert not (band.forces(2) == 7.0).any()


def test_a_saddle_lies_inside():
    assert Band(chain(5), HopToy(), Control(potential=4.3)).has_saddle()
    assert not Band(chain(5)[:3], HopToy(), Control(potential=4.3)).has_saddle()


class Broken(HopToy):
    """Gives NaN once an atom is higher than 3 A."""

    def forward(self, structure, control, description):
        out = super().forward(structure, control, description)
        return {"natural_energy": out["natural_energy"] + torch.sqrt(3.0 - description["positions"][:, 2]).sum()}


def test_forces_that_are_not_finite_are_an_error():
    images = chain()
    band = Band(images, Broken(), Control(potential=4.3))
    images[1].positions[-1, 2] = 4.0
    with pytest.raises(FloatingPointError, match="not finite along the band"):
        band.energies()


def test_snapshots_are_free_of_the_band():
    images = chain()
    band = Band(images, HopToy(), Control(potential=4.3))
    copies = band.snapshots(SHE(4.5))
    energies = [c.get_potential_energy() for c in copies]
    images[1].positions += 0.3
    assert [c.get_potential_energy() for c in copies] == energies
    assert copies[0].info["eir_mu"] == -4.3 and copies[0].info["REF_energy"] == energies[0] and copies[0].info["eir_method_id"] == "electrode"


def test_the_start_avoids_close_atoms_and_takes_the_shortest_way():
    initial, final = hop_ends()
    final.positions[-1, 0] += 8.0
    images = interpolate((initial, final), None, 5)
    assert len(images) == 5 and abs(images[2].positions[-1, 0] - initial.positions[-1, 0]) < 1.3
    assert images[0] == initial and np.array_equal(images[-1].positions, final.positions)


def test_a_neighbours_path_is_moved_onto_the_new_ends():
    ends, path = hop_ends(), chain(5)
    path[2].positions[-1, 2] += 0.4
    ends[0].positions[-1, 0] -= 0.1
    images = interpolate(tuple(ends), path, 5)
    assert np.array_equal(images[0].positions, ends[0].positions) and np.array_equal(images[4].positions, ends[1].positions)
    assert images[2].positions[-1, 2] == pytest.approx(path[2].positions[-1, 2]) and images[2].positions[-1, 0] == pytest.approx(-0.05)
    assert path[2].positions[-1, 0] == pytest.approx(0.0)


def test_bonds_of_the_atoms_that_are_no_electrode():
    water = molecule("H2O", cell=[9, 9, 9], pbc=True)
    apart = water.copy()
    apart.positions[1] += [0.0, 1.5, 1.0]
    assert same_bonds(water, water) and not same_bonds(water, apart)
    across = water.copy()
    across.positions[1] += across.cell[0]
    assert same_bonds(water, across) and same_place(water, across) and not same_place(water, apart)
    metal = Atoms("Au2", [[0, 0, 0], [0, 0, 2.7]])
    stretched = Atoms("Au2", [[0, 0, 0], [0, 0, 7.0]])
    assert same_bonds(metal, stretched)


def test_an_adsorbed_atom_that_leaves_its_site_has_left_its_basin():
    given = example("hop-initial")
    assert same_basin(given, given)
    nudged, gone, other = given.copy(), given.copy(), example("hop-final")
    nudged.positions[-1] += [0.2, -0.3, 0.1]
    gone.positions[-1, 2] += 1.2
    assert same_basin(given, nudged) and not same_basin(given, gone) and not same_basin(given, other)
    water = example("volmer-final")
    adrift = water.copy()
    adrift.positions[[9, 11, 12]] += [0.0, 0.0, 1.5]
    assert same_basin(water, adrift)


def test_equal_end_states_pass():
    assert different_atoms(*hop_ends()) is None


def test_settings_name_the_nearest():
    assert NEBSettings.of({"fmax": 0.1}) == NEBSettings(fmax=0.1)
    with pytest.raises(ValueError, match="did you mean 'relax_endpoints'"):
        NEBSettings.of({"relax_endpoint": False})
