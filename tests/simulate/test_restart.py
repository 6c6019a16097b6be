"""A run that was interrupted goes on bitwise as if it had not been; a run that goes wrong ends at its last good frame."""

import json
from dataclasses import replace

import ase.io
import numpy as np
import pytest
from ase import units
from ase.md.langevin import Langevin
from ase.md.verlet import VelocityVerlet
from runs import CHARGE, DT, MODES, NUCLEI, OTHER_NUCLEI, POTENTIAL, T, dynamics, toy_of
from toys import ChargeToy, PotentialToy, ToyConfig, one_atom

from electrode import ElectrodeCalculator
from electrode.models.base import ModelCard
from electrode.simulate import (
    BornOppenheimer, ChargeLangevin, ChargeNoseHoover, ConstantCharge, DynamicsStopped, ElectrodeDynamics, ExtendedCharge, Limits, saved_state,
)  # fmt: skip


def everything(dyn):
    """Bytes of all that a frame says."""
    found = dyn.calculator.results
    numbers = [found[k] for k in ("energy", "charge", "potential", "capacitance")] + [dyn.conserved]
    return dyn.atoms.positions.tobytes() + dyn.atoms.get_momenta().tobytes() + found["forces"].tobytes() + np.array(numbers).tobytes()


PAIRS = [(name, nuclei) for name in MODES for nuclei in NUCLEI] + [("thermopotentiostat", nuclei) for nuclei in OTHER_NUCLEI]


@pytest.mark.parametrize("name, nuclei", PAIRS)
def test_interrupted_and_restarted_equals_uninterrupted(tmp_path, name, nuclei):
    whole, frames = dynamics(name, nuclei), []
    whole.attach(lambda: frames.append(everything(whole)))
    whole.run(16)
    first = dynamics(name, nuclei)
    first.run(7)
    first.save(tmp_path / "s.npz")
    second, later = dynamics(name, nuclei), []
    second.load(tmp_path / "s.npz")
    assert second.nsteps == 7 and everything(second) == frames[7]
    second.attach(lambda: later.append(everything(second)))
    second.run(9)
    assert later == frames[8:] and len(set(frames)) == 17


def test_the_same_holds_for_a_model_that_is_solved_for_the_potential(tmp_path):
    model = PotentialToy(ToyConfig(quartic=0.05, spread=0.1))
    for name in ("constant-charge", "extended", "thermopotentiostat"):
        whole, first, second = (dynamics(name, "langevin", model=model) for _ in range(3))
        whole.run(12)
        first.run(5)
        first.save(tmp_path / f"{name}.npz")
        second.load(tmp_path / f"{name}.npz")
        second.run(7)
        assert everything(second) == everything(whole)


def test_another_seed_is_another_run():
    runs = [dynamics("thermopotentiostat", seed=seed) for seed in (1, 2)]
    for dyn in runs:
        dyn.run(3)
    assert runs[0].charge_state.charge != runs[1].charge_state.charge


def test_the_file_holds_no_pickle(tmp_path):
    dyn = dynamics("extended-chain", "chain")
    dyn.save(tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz", allow_pickle=False) as stored:
        assert json.loads(str(stored["head"]))["format"] == 1 and stored["nuclei._thermostat._eta"].shape == (3,)


OTHERS = {
    "model": lambda: dynamics("extended", model=ChargeToy(ToyConfig(capacitance=0.5))),
    "mode": lambda: dynamics("extended", mode=ExtendedCharge(ChargeLangevin(T), period=101.0)),
    "mode, thermostat": lambda: dynamics("extended", mode=ExtendedCharge(ChargeNoseHoover(T), period=100.0)),
    "held": lambda: dynamics("extended", held={**POTENTIAL, "potential": 0.21}),
    "timestep": lambda: dynamics("extended", dt=0.25),
    "nuclei": lambda: dynamics("extended", "langevin"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_file_of_another_run_is_refused(tmp_path, what):
    dynamics("extended").save(tmp_path / "s.npz")
    other = OTHERS[what]()
    before = everything(other)
    with pytest.raises(ValueError, match=f"belongs to another run: .*{what.split(',')[0]} \\(here"):
        other.load(tmp_path / "s.npz")
    assert everything(other) == before


def test_another_thermostat_or_other_atoms_are_refused(tmp_path):
    dynamics("constant-charge", "langevin").save(tmp_path / "s.npz")
    atoms = one_atom()
    atoms.calc = ElectrodeCalculator(toy_of("constant-charge"), **CHARGE)
    stronger = Langevin(atoms, DT * units.fs, temperature_K=T, friction=0.02 / units.fs, rng=np.random.default_rng(3), fixcm=False)
    with pytest.raises(ValueError, match=r"thermostat \(here"):
        ElectrodeDynamics(stronger, ConstantCharge()).load(tmp_path / "s.npz")
    other = dynamics("constant-charge", "langevin")
    other.atoms.cell[2, 2] = 21.0
    with pytest.raises(ValueError, match=r"cell \(here"):
        other.load(tmp_path / "s.npz")


def test_damaged_and_missing_files(tmp_path):
    dyn = dynamics("constant-charge")
    with pytest.raises(FileNotFoundError, match="no such file"):
        dyn.load(tmp_path / "s.npz")
    dyn.save(tmp_path / "s.npz")
    whole = (tmp_path / "s.npz").read_bytes()
    for text in (b"", b"not a file", whole[: len(whole) // 2]):
        (tmp_path / "broken.npz").write_bytes(text)
        with pytest.raises(ValueError, match="no state of a dynamics could be read"):
            dyn.load(tmp_path / "broken.npz")


def test_a_file_of_another_version_is_refused(tmp_path, monkeypatch):
    dyn = dynamics("constant-charge")
    with monkeypatch.context() as older:
        older.setattr(saved_state, "FORMAT", 0)
        dyn.save(tmp_path / "s.npz")
    with pytest.raises(ValueError, match=r"format \(here 1, in the file 0\)"):
        dyn.load(tmp_path / "s.npz")


class Spoilt(ChargeToy):
    """The toy, whose energy is not a number after some calls."""

    calls, last = 0, 12

    def forward(self, structure, control, description):
        out = super().forward(structure, control, description)
        self.calls += 1
        return {"natural_energy": out["natural_energy"] * (np.nan if self.calls > self.last else 1.0)}


def test_it_stops_at_the_last_good_frame(tmp_path):
    model = Spoilt()
    dyn = dynamics("constant-charge", model=model)
    dyn.write_frames(tmp_path / "run.traj", interval=100)
    good = []
    dyn.attach(lambda: good.append(dyn.atoms.positions.copy()))
    with pytest.raises(DynamicsStopped, match="stopped after step"):
        _run_and_mend(dyn, model)
    assert (dyn.atoms.positions == good[-1]).all() and dyn.nsteps == len(good) - 1 > 3
    frames = ase.io.read(tmp_path / "run.traj", ":")
    assert [f.info["md_step"] for f in frames] == [0, dyn.nsteps] and (frames[-1].positions == good[-1]).all()


def _run_and_mend(dyn, model):
    """Run; the model is well again when the last good frame is computed once more."""
    original = dyn.set_state

    def mended(state):
        model.last = 10**9
        original(state)

    dyn.set_state = mended
    dyn.run(100)


def test_it_stops_where_charge_or_potential_leave_the_trained_window():
    area = 9.0
    for card, message in (
        (ModelCard(surface_charge_range=(-0.05 / area, 0.05 / area)), "charge per area"),
        (ModelCard(potential_range=(4.55, 4.75)), "potential .* outside the trained range"),
    ):
        model = ChargeToy()
        model.card = card
        dyn = dynamics("thermopotentiostat", model=model, mode=replace(MODES["thermopotentiostat"][0], charge=0.0 if "charge" in message else None))
        with pytest.raises(DynamicsStopped, match=message):
            dyn.run(400)
        assert abs(dyn.calculator.results["charge"]) < 0.05 or "charge" not in message
        assert 0 < dyn.nsteps < 400


def test_it_stops_at_large_steps_hot_nuclei_and_drift():
    for limits, dt, message in ((Limits(displacement=0.01), 2.0, "displacement"), (Limits(temperature=10.0), 0.5, "temperature"), (Limits(drift=1e-9), 1.0, "conserved")):
        with pytest.raises(DynamicsStopped, match=message):
            dynamics("born-oppenheimer", limits=limits, dt=dt).run(60)


def test_a_time_step_that_is_far_too_long_does_not_run_on():
    atoms = one_atom()
    atoms.set_momenta([[0.5, 0.2, 0.1]])
    atoms.calc = ElectrodeCalculator(ChargeToy(), potential=4.6, reference="absolute")
    dyn = ElectrodeDynamics(VelocityVerlet(atoms, 40.0 * units.fs), BornOppenheimer())
    with pytest.raises(DynamicsStopped):
        dyn.run(200)
    assert np.isfinite(atoms.positions).all()
