"""A committee is the mean of its members, and says how far they are apart."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from teacher import interface, pupil

from electrode.models.baseline import Baseline
from electrode.models.committee import Committee, CommitteeConfig
from electrode.models.domain import DISAGREEMENT, outside
from electrode.models.store import load_model, save_model
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate

SYSTEMS = [interface(height=-1.1, seed=21), interface((2, 1, 2), height=2.6, water=True, seed=23)]
STRUCTURE = Structure.from_atoms(SYSTEMS)
HELD = Control(potential=5.0)


class TestCommittee(ModelContract):
    """Three members on small interfaces."""

    @pytest.fixture
    def case(self):
        return Case(pupil(members=3), SYSTEMS, charge=0.01, potential=5.0)


def test_it_is_the_mean_of_its_members():
    committee = pupil(members=3)
    out, single = evaluate(committee, STRUCTURE, HELD), [evaluate(m, STRUCTURE, HELD) for m in committee.members()]
    for name in ("grand_energy", "charge", "forces", "capacitance", "atomic_charges"):
        torch.testing.assert_close(out[name], torch.stack([s[name] for s in single]).mean(0), rtol=0, atol=1e-9)
    spread = committee.card.calibration.energy * torch.stack([s["grand_energy"] for s in single]).std(0)
    torch.testing.assert_close(out["energy_std"], spread, rtol=0, atol=1e-9)
    assert (out["energy_std"] > 1e-6).all()


def test_the_spread_of_forces_is_that_of_the_members():
    committee = pupil(members=3)
    wanted = torch.stack([evaluate(m, STRUCTURE, HELD)["forces"] for m in committee.members()]).std(0)
    torch.testing.assert_close(committee.forces_std(STRUCTURE, HELD), committee.card.calibration.forces * wanted, rtol=0, atol=1e-9)
    assert wanted.max() > 1e-4
    charge = torch.stack([evaluate(m, STRUCTURE, HELD)["charge"] for m in committee.members()]).std(0)
    torch.testing.assert_close(committee.conjugate_std(STRUCTURE, HELD), committee.card.calibration.conjugate * charge, rtol=0, atol=1e-9)


def test_the_spread_is_stored_with_it(tmp_path):
    save_model(pupil(members=3), tmp_path / "c")
    a, b = (evaluate(m, STRUCTURE, HELD)["energy_std"] for m in (pupil(members=3), load_model(tmp_path / "c")))
    assert torch.equal(a, b)


def test_members_of_different_configurations_are_refused():
    with pytest.raises(ValueError, match="one configuration"):
        Committee.of([pupil(), pupil(local_energy=False)], "dual")


def test_one_member_is_no_committee():
    with pytest.raises(ValueError, match="at least 2"):
        CommitteeConfig("dual", {}, 1)


def test_members_differ():
    spread = np.ptp([float(evaluate(m, STRUCTURE, HELD)["charge"][0]) for m in pupil(members=3).members()])
    assert spread > 1e-5


def test_members_that_part_are_warned_of():
    structure = Structure.from_atoms([interface(seed=0), interface(seed=1)])
    n = float(structure.counts[0])
    out = {k: torch.ones(2) for k in ("charge", "potential", "capacitance")}
    near = {**out, "energy_std": torch.tensor([0.0, 0.9]) * DISAGREEMENT * n}
    far = {**out, "energy_std": torch.tensor([0.0, 2.0]) * DISAGREEMENT * n}
    model = Baseline()
    assert not outside(model, structure, near)
    assert "differ by 20 meV/atom" in outside(model, structure, far)[0]
    assert "no stable interface" in outside(model, structure, {**near, "capacitance": torch.tensor([0.3, -0.1])})[0]


class TestCautiousCommittee(ModelContract):
    """The same members where disagreement costs energy."""

    @pytest.fixture
    def case(self):
        return Case(cautious(), SYSTEMS, charge=0.01, potential=5.0)


def cautious(weight=4.0):
    committee = pupil(members=3)
    made = Committee.of(committee.members(), committee.config.scheme, weight)
    made.config = replace(made.config, tolerated=1e-5)
    return made


def test_caution_costs_what_is_written_and_leaves_charge_and_capacitance():
    plain, careful = (evaluate(m, STRUCTURE, HELD) for m in (pupil(members=3), cautious()))
    middle = sum(pupil(members=3).card.potential_range) / 2
    spread = evaluate(pupil(members=3), STRUCTURE, Control(potential=middle))["energy_std"]
    kept = 1e-5 * STRUCTURE.counts
    expected = 4.0 * (torch.sqrt(spread**2 + kept**2) - kept)
    assert expected.min() > 1e-5
    torch.testing.assert_close(careful["grand_energy"] - plain["grand_energy"], expected, rtol=0, atol=1e-9)
    for name in ("charge", "capacitance", "energy_std"):
        torch.testing.assert_close(careful[name], plain[name], rtol=0, atol=1e-9)


def test_bad_caution_is_refused():
    with pytest.raises(ValueError, match="caution >= 0"):
        CommitteeConfig("dual", {}, 2, caution=-1.0)
