"""The whole curve from few bands, and the identity that relaxed states obey."""

from dataclasses import replace

import numpy as np
import pytest
from toys import HopConfig, HopToy, hop_ends

from electrode.band import Band
from electrode.models.domain import UncertainBarrier
from electrode.neb import barriers
from electrode.pathway.curve import barrier_curve
from electrode.pathway.extras import curvature_of, settle
from electrode.pathway.rows import identity
from electrode.pathway.solve import Solved
from electrode.state import Control

TIGHT = {"fmax": 0.02, "images": 7}
LEANING = HopConfig(lean=0.3, capacitance=1.2)


@pytest.fixture(scope="module")
def bands():
    """Three bands over 2 V with their curvatures."""
    return barriers(*hop_ends(), HopToy(LEANING), [-1.0, 0.0, 1.0], curvature=True, **TIGHT)


def test_two_bands_give_a_parabola_exactly():
    model = HopToy()
    table = barriers(*hop_ends(), model, [-1.0, 0.8], curvature=True, **TIGHT)
    curve = table.curve(np.linspace(-1.0, 0.8, 7))
    assert curve.barrier_eV == pytest.approx([model.barrier(u + 4.44) for u in curve.potential_V], abs=2e-5)
    assert curve.slope_e == pytest.approx([model.slope(u + 4.44) for u in curve.potential_V], abs=2e-4)
    c = model.config
    bend = (c.capacitance * c.drop) ** 2 / 2 / (c.height - 0.5 * c.capacitance * c.drop**2)
    assert [r.curvature.barrier for r in table.rows] == pytest.approx([bend] * 2, rel=5e-3)
    assert all(r.curvature.negative_modes == (0, 1, 0) for r in table.rows)


def test_the_curve_meets_bands_between_within_its_error(bands):
    between = barriers(*hop_ends(), HopToy(LEANING), [-0.6, 0.5], curvature=True, **TIGHT)
    curve = bands.curve([-0.6, 0.5])
    off = np.abs(np.array(curve.barrier_eV) - [r.curvature.barrier_eV for r in between.rows])
    assert (off < 1e-6 + np.array(curve.interpolation_eV)).all() and off.max() < 2e-3
    assert curve.slope_e == pytest.approx([r.curvature.barrier_slope for r in between.rows], abs=5e-3)
    straight = np.interp([-0.6, 0.5], [-1, 0, 1], [r.barrier_eV for r in bands.rows])
    assert np.abs(straight - curve.barrier_eV).max() > 10 * off.max()


def test_curvature_is_that_of_the_barriers(bands):
    """d2 barrier / dU2 and d2 reaction / dU2 against finite differences of settled bands."""
    h = 0.05
    near = barriers(*hop_ends(), HopToy(LEANING), [-h, h], curvature=True, **TIGHT).rows
    middle = bands.rows[1].curvature
    for energy, slope, bend in (("barrier_eV", "barrier_slope", "barrier"), ("reaction_energy_eV", "reaction_slope", "reaction")):
        low, mid, high = (getattr(x, energy) for x in (near[0].curvature, middle, near[1].curvature))
        assert getattr(middle, slope) == pytest.approx((high - low) / (2 * h), abs=1e-4)
        assert getattr(middle, bend) == pytest.approx((high - 2 * mid + low) / h**2, rel=2e-2, abs=2e-3)


def test_default_points_hold_the_nodes_and_errors_grow_between(bands):
    curve = bands.curve()
    assert set(curve.nodes_V) <= set(curve.potential_V) and curve.nodes_V == (-1.0, 0.0, 1.0)
    off = dict(zip(curve.potential_V, curve.interpolation_eV))
    assert max(off[u] for u in curve.nodes_V) < 1e-12 < max(off.values())
    assert all(e >= o for e, o in zip(curve.error_eV, curve.interpolation_eV))
    assert curve.to_json()["reference"] == bands.rows[0].reference


def test_bands_of_two_paths_widen_the_error_between(bands):
    rows = list(bands.rows[:2])
    apart = [rows[0], replace(rows[1], curvature=replace(rows[1].curvature, barrier_eV=rows[1].curvature.barrier_eV + 0.05))]
    wide, narrow = (barrier_curve(x, [-0.5]).interpolation_eV[0] for x in (apart, rows))
    assert wide == pytest.approx(0.05, abs=0.012) and wide > 3 * narrow


def test_curves_that_cannot_be_drawn(bands):
    plain = barriers(*hop_ends(), HopToy(), [-0.2, 0.0], **TIGHT)
    for rows in (plain.rows, bands.rows[:1], ()):
        with pytest.raises(ValueError, match="at least two converged barriers"):
            barrier_curve(rows)
    for at in ([1.2], [-0.5, float("nan")], 0.3):
        with pytest.raises(ValueError, match="from -1 to 1 V"):
            bands.curve(at)


def test_relaxed_states_obey_the_identity():
    """The difference is of second order in the step from slopes alone, of fourth with the curvatures."""
    off = {}
    for h in (0.4, 0.2):
        rows = barriers(*hop_ends(), HopToy(LEANING), [-h, h], curvature=True, **TIGHT).rows
        off[h] = identity([replace(r, curvature=replace(r.curvature, barrier=0.0)) for r in rows])[0]["barrier"], rows[0].identity_deviation["barrier"]
        assert rows[0].identity_deviation["reaction"] < 5e-4 and off[h][1] < 0.1 * off[h][0]
    assert off[0.4][0] / off[0.2][0] == pytest.approx(4.0, rel=0.2) and off[0.4][1] / off[0.2][1] > 8


def test_a_path_that_jumps_is_seen(bands):
    rows = list(bands.rows)
    curvature = replace(rows[2].curvature, barrier_eV=rows[2].curvature.barrier_eV + 0.06)
    kept, jumped = identity(rows), identity([*rows[:2], replace(rows[2], curvature=curvature)])
    assert [r.identity_deviation for r in rows] == kept and jumped[0] == kept[0]
    assert jumped[1]["barrier"] == jumped[2]["barrier"] == pytest.approx(0.06, abs=0.01)
    assert identity([rows[0], replace(rows[1], converged=False)]) == [None, None]


def test_images_that_do_not_settle_are_warned_of():
    """A path whose last image stands on the saddle: it is taken as it is, and soft modes are left out."""
    model = HopToy(LEANING)
    (images,) = barriers(*hop_ends(), model, [0.0], **TIGHT).images
    cut = Solved(Band([*images[:4], images[3].copy()], model, Control(potential=4.44)), 0.0, None, 1)
    with pytest.warns(UncertainBarrier, match="they have 0, 1, 1 negative modes"):
        found = settle(cut, None)
    curvature = curvature_of(cut, found)
    assert not curvature.settled and curvature.negative_modes == (0, 1, 1) and curvature.moved_A == (0.0,) * 3
    assert curvature.barrier_eV == pytest.approx(float(cut.band.energies()[3] - cut.band.energies()[0]), abs=1e-12)


def test_states_are_followed_from_one_potential_to_the_next(bands):
    """The displacement by the potential puts the next state where it settles, with fewer calls than from the band."""
    model = HopToy(LEANING)
    (images,) = barriers(*hop_ends(), model, [0.0], **TIGHT).images
    near = settle(Solved(Band(list(images), model, Control(potential=4.44)), 0.0, None, 1), None)
    there = settle(Solved(Band(list(images), model, Control(potential=4.64)), 0.0, None, 1), None)
    for guess, here, found in zip(near.towards(4.64), near.states, there.states):
        off, still = (np.abs(a.positions - found.atoms.positions).max() for a in (guess, here.atoms))
        assert off < 0.15 * still
