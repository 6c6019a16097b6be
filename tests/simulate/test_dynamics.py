"""Nuclei and charge together: what is held, what is conserved, how often the model is asked, what is written."""

import ase.io
import numpy as np
import pytest
from ase import units
from ase.calculators.lj import LennardJones
from ase.constraints import FixAtoms
from ase.md.verlet import VelocityVerlet
from runs import DT, MODES, NUCLEI, T, dynamics
from toys import ChargeToy, PotentialToy, ToyConfig, one_atom

from electrode import ElectrodeCalculator
from electrode.data.files import read_frames
from electrode.simulate import BornOppenheimer, ChargeRecorder, ConstantCharge, ConstantField, ElectrodeDynamics, ExtendedCharge, Thermopotentiostat
from electrode.simulate.held import field_of_voltage


def record(dyn, steps):
    """Columns of a run."""
    recorder = ChargeRecorder(dyn)
    dyn.attach(recorder)
    dyn.run(steps)
    return recorder.columns()


@pytest.mark.parametrize("name", MODES)
def test_what_is_held_stays_and_the_model_is_asked_once_a_step(name):
    dyn = dynamics(name)
    before = dyn.calculator.calculations
    found = record(dyn, 20)
    assert dyn.calculator.calculations <= before + 21
    held = MODES[name][1]
    if MODES[name][0].moves:
        assert np.ptp(found["charge_e"]) > 1e-3 and np.ptp(found["potential_V"]) > 1e-3
    elif "charge" in held:
        assert np.abs(found["charge_e"] - held["charge"]).max() == 0.0 and np.ptp(found["potential_V"]) > 1e-3
    else:
        assert np.abs(found["potential_V"] - 4.64).max() < 1e-8 and np.ptp(found["charge_e"]) > 1e-3
    assert found["time_fs"][-1] == 20 * DT and found["step"][-1] == 20


def test_constant_charge_is_the_velocity_verlet_of_ase():
    dyn, atoms = dynamics("constant-charge"), dynamics("constant-charge").atoms
    atoms.calc = ElectrodeCalculator(ChargeToy(ToyConfig(quartic=0.1, spread=0.1)), charge=0.1)
    plain = VelocityVerlet(atoms, DT * units.fs)
    for _ in range(3):
        dyn.run(5)
        plain.run(5)
        assert (dyn.atoms.positions == atoms.positions).all()
        assert dyn.conserved == pytest.approx(atoms.get_total_energy(), abs=1e-13)


@pytest.mark.parametrize("name", MODES)
def test_the_conserved_quantity_falls_as_the_square_of_the_time_step(name):
    spread = []
    for dt in (1.0, 0.5):
        mode = MODES[name][0]
        spread.append(np.ptp(record(dynamics(name, dt=dt, mode=mode), int(24 / dt))["conserved_eV"]))
    assert spread[0] < 2e-3
    noisy = name in ("extended", "thermopotentiostat", "extended-chain")  # other noise, or velocities, at another step
    assert spread[1] < 0.5 * spread[0] if noisy else spread[0] / spread[1] == pytest.approx(4.0, rel=0.25)


def test_the_energy_of_an_extended_charge_without_bath_is_its_hamiltonian():
    dyn = dynamics("extended-alone")
    dyn.run(30)
    state, results = dyn.charge_state, dyn.calculator.results
    hamiltonian = results["canonical_energy"] + dyn.atoms.get_kinetic_energy() + 0.5 * state.mass * state.velocity**2 - 4.64 * results["charge"]
    assert dyn.conserved == pytest.approx(hamiltonian, abs=1e-12)
    assert state.charge == results["charge"]


@pytest.mark.parametrize("nuclei", ["langevin", "chain"])
def test_a_thermostat_of_the_nuclei_leaves_the_conserved_quantity(nuclei):
    dyn = dynamics("born-oppenheimer", nuclei)
    found = record(dyn, 60)
    kinetic = found["temperature_K"] * 1.5 * units.kB + found["energy_eV"]
    assert np.ptp(found["conserved_eV"]) < 3e-4 < np.ptp(kinetic)
    if nuclei == "chain":
        assert dyn.nuclei.get_conserved_energy() - dyn.conserved == pytest.approx(0.0, abs=1e-4)


def test_the_charge_moves_while_the_nuclei_do_and_also_if_they_stay():
    """Velocity Verlet of both coordinates, written out."""
    dyn = dynamics("extended-alone")
    model, dt, target = dyn.calculator.model, DT, 4.64
    r, v = dyn.atoms.positions.copy(), dyn.atoms.get_velocities() * units.fs
    q, w, mass, m = 0.3, 0.0, float(dyn.charge_state.mass), dyn.atoms.get_masses()[0] / units.fs**2
    results = lambda positions, charge: _results(model, positions, charge)
    now = results(r, q)
    for _ in range(5):
        v, w = v + 0.5 * dt * now["forces"] / m, w + 0.5 * dt * (target - now["potential"]) / mass
        r, q = r + dt * v, q + dt * w
        now = results(r, q)
        v, w = v + 0.5 * dt * now["forces"] / m, w + 0.5 * dt * (target - now["potential"]) / mass
    dyn.run(5)
    assert dyn.atoms.positions == pytest.approx(r, abs=1e-12) and float(dyn.charge_state.charge) == pytest.approx(q, abs=1e-12)
    still = one_atom()
    still.set_constraint(FixAtoms([0]))
    still.calc = ElectrodeCalculator(model, potential=target, reference="absolute")
    dyn = ElectrodeDynamics(VelocityVerlet(still, DT * units.fs), ExtendedCharge(None, period=100.0, charge=0.3))
    dyn.run(50)
    assert dyn.calculator.results["charge"] == float(dyn.charge_state.charge) != 0.3


def _results(model, positions, charge):
    atoms = one_atom()
    atoms.positions = positions
    atoms.calc = ElectrodeCalculator(model, charge=charge)
    atoms.get_potential_energy()
    return atoms.calc.results


def test_the_warm_start_is_extrapolated():
    asked = {}
    for order in (0, 3):
        toy = Counting(ToyConfig(quartic=0.1, spread=0.1))
        dyn = dynamics("born-oppenheimer", model=toy)
        dyn.run(5)
        calls = toy.calls
        for _ in range(10):
            if order == 0:
                dyn.calculator.history = ()
            dyn.run(1)
        asked[order] = (toy.calls - calls) / 10
    assert asked[3] <= asked[0] - 1.0 and asked[3] < 3.5


class Counting(ChargeToy):
    """The toy that counts how often it is asked."""

    calls = 0

    def forward(self, structure, control, description):
        self.calls += 1
        return super().forward(structure, control, description)


@pytest.mark.parametrize("suffix", ["traj", "xyz"])
def test_frames_are_records_with_charge_and_potential(tmp_path, suffix):
    dyn = dynamics("thermopotentiostat")
    found = ChargeRecorder(dyn)
    dyn.attach(found, interval=5)
    dyn.write_frames(tmp_path / f"run.{suffix}", interval=5)
    dyn.run(20)
    frames = ase.io.read(tmp_path / f"run.{suffix}", ":")
    columns = found.columns()
    assert [f.info["md_step"] for f in frames] == [0, 5, 10, 15, 20] == columns["step"].tolist()
    assert [-f.info["eir_n_excess"] for f in frames] == pytest.approx(columns["charge_e"].tolist(), abs=1e-8)
    assert [-f.info["eir_mu"] for f in frames] == pytest.approx(columns["potential_V"].tolist(), abs=1e-7)
    assert all(f.info["eir_energy_kind"] == "E" and f.get_momenta().any() for f in frames)
    assert frames[-1].get_forces() == pytest.approx(dyn.atoms.get_forces(), abs=1e-7)
    assert suffix != "xyz" or len(list(read_frames(tmp_path / "run.xyz"))) == 5


def test_files_are_not_replaced(tmp_path):
    dyn = dynamics("constant-charge")
    (tmp_path / "run.traj").write_text("mine")
    with pytest.raises(FileExistsError):
        dyn.write_frames(tmp_path / "run.traj")
    with pytest.raises(ValueError, match=r"\.traj, \.xyz"):
        dyn.write_frames(tmp_path / "run.dump")
    dyn.save(tmp_path / "state.npz")
    with pytest.raises(FileExistsError):
        dyn.save(tmp_path / "state.npz")


def test_a_voltage_is_a_field_over_the_height():
    atoms = one_atom()
    assert field_of_voltage(atoms, 1.0) == (0.0, 0.0, 0.05)
    atoms.cell[2] = [1.0, 0.0, -10.0]
    assert field_of_voltage(atoms, 1.0) == (-0.0, -0.0, -0.1) or field_of_voltage(atoms, 1.0) == (0.0, 0.0, -0.1)
    atoms.cell[2] = 0.0
    with pytest.raises(ValueError, match="height of the cell"):
        field_of_voltage(atoms, 1.0)


def test_modes_refuse_other_controls():
    for mode, held, message in (
        (ConstantCharge(), {"potential": 4.5, "reference": "absolute"}, "holds the charge"),
        (BornOppenheimer(), {"charge": 0.0}, "holds the potential"),
        (Thermopotentiostat(T), {"charge": 0.0}, "holds the potential"),
        (ExtendedCharge(None, period=100.0), {"charge": 0.0}, "holds the potential"),
        (ConstantField(), {"charge": 0.0}, "with a field"),
    ):
        with pytest.raises(ValueError, match=message):
            dynamics("constant-charge", mode=mode, held=held)
    with pytest.raises(ValueError, match="applies a field"):
        dynamics("field", mode=ConstantCharge())
    with pytest.raises(ValueError, match="does not read a field"):
        ElectrodeCalculator(PotentialToy(), charge=0.0, field=(0, 0, 0.1))
    atoms = one_atom()
    atoms.calc = LennardJones()
    with pytest.raises(ValueError, match="ElectrodeCalculator, got LennardJones"):
        ElectrodeDynamics(VelocityVerlet(atoms, 1.0), ConstantCharge())


def test_other_dynamics_of_ase():
    for nuclei in ("baoab", "bussi"):
        assert np.ptp(record(dynamics("thermopotentiostat", nuclei), 20)["conserved_eV"]) < 1e-3
    atoms = one_atom()
    atoms.calc = ElectrodeCalculator(ChargeToy(), charge=0.0)
    with pytest.raises(ValueError, match="global generator"):
        ElectrodeDynamics(Unseeded(atoms), ConstantCharge())
    with pytest.raises(TypeError, match="2 times a step"):
        ElectrodeDynamics(Twice(atoms, DT), ConstantCharge()).step()
    atoms.set_constraint(FixAtoms([]))
    atoms.calc = ElectrodeCalculator(ChargeToy(), charge=0.0)
    with pytest.raises(ValueError, match="too hot"):
        ElectrodeDynamics(NUCLEI["chain"](atoms, DT), ConstantCharge())


class Twice(VelocityVerlet):
    """A dynamics that asks for the forces at two places in one step."""

    def step(self):
        super().step()
        super().step()


class Unseeded(VelocityVerlet):
    """A dynamics that draws from numpy's global generator."""

    def __init__(self, atoms):
        super().__init__(atoms, DT)
        self.rng = np.random
