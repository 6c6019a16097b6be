"""A scan is one batched evaluation, and its columns are derivatives of each other."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import add_adsorbate, fcc111

from electrode.models.base import Model, ModelCard
from electrode.models.baseline import Baseline
from electrode.models.domain import OutsideTrainedRange
from electrode.references import SHE
from electrode.scan import scan
from electrode.units import UC_PER_CM2


@pytest.fixture
def slab():
    """H on a small Au(111)."""
    atoms = fcc111("Au", (1, 1, 3), vacuum=8.0)
    add_adsorbate(atoms, "H", 0.95, "fcc")
    atoms.pbc = (True, True, False)
    return atoms


def test_charge_and_capacitance_are_derivatives(slab):
    step = 0.01
    table = scan(Baseline(), slab, [-0.3 - step, -0.3, -0.3 + step], SHE(4.44))
    low, middle, high = table.rows
    assert middle.charge_e == pytest.approx(-(high.grand_energy_eV - low.grand_energy_eV) / (2 * step), abs=1e-7)
    assert middle.capacitance_e_per_V == pytest.approx((high.charge_e - low.charge_e) / (2 * step), rel=1e-6)
    assert middle.canonical_energy_eV == pytest.approx(middle.grand_energy_eV + middle.potential_absolute_V * middle.charge_e, abs=1e-9)
    assert middle.potential_absolute_V == pytest.approx(4.14) and middle.excess_electrons_e == -middle.charge_e
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    assert middle.capacitance_uF_per_cm2 == pytest.approx(middle.capacitance_e_per_V / area * UC_PER_CM2)


def test_order_is_kept_and_rows_are_plain(slab):
    table = scan(Baseline(), slab, [0.2, -0.1], SHE(4.5))
    rows = table.to_json()
    assert [r["potential_V"] for r in rows] == [0.2, -0.1]
    assert rows[0]["reference"] == str(table.reference) == "SHE at 4.5 V absolute"
    alone = scan(Baseline(), slab, [-0.1], SHE(4.5)).to_json()[0]
    assert rows[1]["grand_energy_eV"] == pytest.approx(alone["grand_energy_eV"], abs=1e-8)


def test_without_a_surface_there_is_no_capacitance_per_area(slab):
    slab.pbc = False
    assert scan(Soft(), slab, [0.0], SHE(4.44)).rows[0].capacitance_uF_per_cm2 is None


def test_mistakes_are_refused(slab):
    with pytest.raises(ValueError, match="at least one potential"):
        scan(Baseline(), slab, [], SHE(4.44))
    model = Soft()
    model.card = ModelCard(elements=(1, 29))
    with pytest.raises(ValueError, match=r"elements \[79\]"):
        scan(model, slab, [0.0], SHE(4.44))


def test_outside_the_trained_range(slab):
    model = Soft()
    model.card = replace(model.card, potential_range=(4.0, 5.0))
    with pytest.warns(OutsideTrainedRange, match="4 to 5 V absolute"):
        scan(model, slab, [0.0, 1.0], SHE(4.44))
    with pytest.raises(ValueError, match="trained range"):
        scan(model, slab, [0.0, 1.0], SHE(4.44), strict=True)


def test_negative_capacitance_is_warned_of(slab):
    with pytest.warns(UserWarning, match="the capacitance is -0.* e/V, which no stable interface has"):
        scan(Soft(bend=0.2), slab, [-0.5, 0.0, 0.5], SHE(4.44))


class Soft(Model):
    """Omega = -0.04 x^2 + bend x^3 with x = Phi - 4.44 V: a capacitor that turns unstable at high potential."""

    natural = "potential"

    def __init__(self, bend=0.0):
        super().__init__()
        self.bend = bend

    def forward(self, structure, control, description):
        x = control.potential - 4.44
        return {"natural_energy": -0.04 * x**2 + self.bend * x**3 + 0.0 * structure.total(torch.sum(description["positions"], 1))}
