"""Other programs move the atoms: the same energies and forces, the same trajectories, and refusals at the start."""

import json
import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.emt import EMT
from ase.calculators.socketio import IPIProtocol, SocketClosed, SocketIOCalculator
from ase.md.verlet import VelocityVerlet
from toys import ChargeToy, FieldToy, ToyConfig, one_atom

from electrode import ElectrodeCalculator
from electrode.simulate.engines import CannotCarry, extras, require_agreed, require_carried
from electrode.simulate.lammps_driver import LammpsDriver, set_up
from electrode.simulate.socket_client import serve

HELD = [{"potential": 4.7, "reference": "absolute"}, {"charge": 0.12}]
ENERGY, FORCE, NVE = 1e-6, 1e-6, 1e-4  # [eV], [eV/A], [eV] over 100 steps


def system(held=HELD[0]):
    atoms = one_atom()
    atoms.calc = ElectrodeCalculator(ChargeToy(ToyConfig(spread=0.1)), **held)
    return atoms


def rattled(atoms, count=20):
    rng = np.random.default_rng(7)
    return [atoms.positions + 0.3 * rng.normal(size=atoms.positions.shape) for _ in range(count)]


def trajectory(atoms, steps=100):
    """Total energies and positions of a run at constant energy."""
    rows = []
    dynamics = VelocityVerlet(atoms, 0.5 * units.fs)
    dynamics.attach(lambda: rows.append([atoms.get_total_energy(), *atoms.positions.ravel()]))
    dynamics.run(steps)
    return np.array(rows)


def thermal(atoms):
    atoms.set_velocities(0.02 * np.random.default_rng(3).normal(size=atoms.positions.shape))
    return atoms


@pytest.fixture
def served(request, tmp_path):
    """A server of ASE, and a client in a thread of its own that knows the control."""
    name, told, failure = f"electrode_{os.getpid()}_{tmp_path.name}", [], []
    server = SocketIOCalculator(unixsocket=name, timeout=30)

    def client():
        try:
            serve(system(request.param), unix=name, timeout=30, observer=told.append)
        except Exception as error:
            failure.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    yield server, told, request.param
    accepted = server.server.clientsocket
    server.close()
    thread.join()
    accepted.close()
    assert not failure


@pytest.mark.parametrize("served", HELD, indirect=True)
def test_socket_agrees_with_ase(served):
    """The same 20 structures, then 100 steps at constant energy; the extras are those of each structure."""
    server, told, held = served
    near, far = system(held), system(held)
    far.calc = server
    for positions in rattled(near):
        near.positions, far.positions = positions, positions
        assert abs(near.get_potential_energy() - far.get_potential_energy()) < ENERGY
        assert np.abs(near.get_forces() - far.get_forces()).max() < FORCE
        assert told[-1].pop("energy_kind") == ("Omega" if "potential" in held else "E")
        assert told[-1] == pytest.approx({k: v for k, v in extras(near).items() if k != "energy_kind"})
        assert told[-1]["dE_dN"] == pytest.approx(-near.calc.results["potential"])
    near.positions, far.positions = one_atom().positions, one_atom().positions
    rows = [trajectory(thermal(atoms)) for atoms in (near, far)]
    assert np.abs(rows[0] - rows[1]).max() < NVE and np.ptp(rows[0][:, 0]) < 1e-3


def raw_server(name, talk):
    """Speak the protocol to one client, word by word."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"/tmp/ipi_{name}")
    listening.listen(1)

    def run():
        connection, _ = listening.accept()
        try:
            talk(IPIProtocol(connection))
        finally:
            connection.close()
            listening.close()
            Path(f"/tmp/ipi_{name}").unlink()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def initialise(protocol, words):
    protocol.sendmsg("STATUS")
    assert protocol.recvmsg() == "NEEDINIT"
    protocol.sendmsg("INIT")
    protocol.send(0, np.int32)
    protocol.send(len(words), np.int32)
    protocol.send(np.frombuffer(words.encode(), np.byte), np.byte)


def test_extras_are_json(tmp_path):
    """The bytes after the virial are JSON of what the calculator says, and the virial is zero."""
    atoms, seen, name = system(), {}, f"electrode_{os.getpid()}_{tmp_path.name}"

    def talk(protocol):
        initialise(protocol, " electrode_potential : 4.7 , ")
        protocol.sendposdata(atoms.cell.array, np.linalg.inv(atoms.cell.array).T, atoms.positions)
        energy, _, virial, more = protocol.sendrecv_force()
        seen.update(energy=energy, extras=json.loads(more.tobytes()), virial=virial)
        protocol.end()

    thread = raw_server(name, talk)
    assert serve(atoms, unix=name, timeout=20) == 1
    thread.join()
    assert seen["extras"] == extras(atoms) and seen["energy"] == pytest.approx(atoms.get_potential_energy(), abs=1e-9) and not seen["virial"].any()


@pytest.mark.parametrize("words, cell, match", [
    (" charge : 0.3 , ", 1.0, "charge = 0.3"), (" potential : 4.2", 1.0, "potential = 4.2"), ("batch_size:8", 1.0, "batches"), (" ", 1.01, "constant cell"),
])  # fmt: skip
def test_servers_that_mean_something_else_are_refused(tmp_path, words, cell, match):
    atoms, name = system(), f"electrode_{os.getpid()}_{tmp_path.name}"

    def talk(protocol):
        initialise(protocol, words)
        try:
            protocol.sendposdata(cell * atoms.cell.array, np.linalg.inv(atoms.cell.array).T, atoms.positions)
            protocol.sendrecv_force()
        except (OSError, SocketClosed):  # the client is gone, as it should be
            assert words != " " or cell != 1.0

    thread = raw_server(name, talk)
    with pytest.raises(CannotCarry, match=match):
        serve(atoms, unix=name, timeout=20)
    thread.join()


def test_what_no_engine_can_carry():
    with pytest.raises(CannotCarry, match="fluctuating charge"):
        serve(system(), unix="electrode_none", charge="fluctuating")
    plain = Atoms("Au", cell=[4.0] * 3, pbc=True, calculator=EMT())
    for engine in (lambda atoms: serve(atoms, unix="electrode_none"), lambda atoms: LammpsDriver(None, atoms)):
        with pytest.raises(CannotCarry, match="names potential or charge"):
            engine(plain)
    with pytest.raises(ConnectionError, match="Start i-PI"):
        serve(system(), unix="electrode_none")
    with pytest.raises(ValueError, match="'held' or 'fluctuating'"):
        require_carried(system(), "an engine", charge="free")
    atoms = one_atom()
    atoms.calc = ElectrodeCalculator(FieldToy(), charge=0.1, field=(0, 0, 0.02))
    require_carried(atoms, "an engine")
    require_agreed("verbosity : 1, charge : 0.1", atoms, "an engine")
    assert extras(atoms)["energy_kind"] == "enthalpy"




@pytest.fixture
def lammps():
    library = pytest.importorskip("lammps")
    lmp = library.lammps(cmdargs=["-screen", "none", "-log", "none"])
    yield lmp
    lmp.close()


@pytest.mark.parametrize("held", HELD)
def test_lammps_agrees_with_ase(lammps, held):
    """The same 20 structures, then 100 steps at constant energy."""
    near = thermal(system(held))
    set_up(lammps, near)
    driver = LammpsDriver(lammps, near)
    lammps.command("fix move all nve")
    lammps.command("timestep 0.0005")
    lammps.command("compute_modify thermo_temp extra/dof 0")  # one atom has a temperature too
    start = near.positions.copy()
    for positions in rattled(near):
        near.positions = positions
        lammps.scatter_atoms("x", 1, 3, np.ctypeslib.as_ctypes(positions.ravel().copy()))
        driver.run(0)
        forces = lammps.numpy.extract_atom("f")[: len(near)]
        assert abs(lammps.get_thermo("pe") - near.get_potential_energy()) < ENERGY and np.abs(forces - near.get_forces()).max() < FORCE
        assert driver.told == extras(driver.atoms)
    near.positions = start
    lammps.scatter_atoms("x", 1, 3, np.ctypeslib.as_ctypes(start.ravel().copy()))
    lammps.scatter_atoms("v", 1, 3, np.ctypeslib.as_ctypes((near.get_velocities() * units.fs * 1e3).ravel()))
    total = []
    for _ in range(5):
        driver.run(20)
        total.append(lammps.get_thermo("etotal"))
    rows = trajectory(near)
    assert np.abs(rows[20::20, 0] - total).max() < NVE
    assert np.abs(lammps.numpy.extract_atom("x")[: len(near)] % near.cell.lengths() - near.positions % near.cell.lengths()).max() < 1e-5


def test_lammps_ends_where_the_calculator_does(lammps):
    """An error of the model comes out of `run` as it is, not as forces of zero."""
    atoms = system({"charge": 0.1})
    set_up(lammps, atoms)
    driver = LammpsDriver(lammps, atoms)

    def broken(*_, **__):
        raise FloatingPointError("no forces today")

    driver.atoms.get_forces = broken
    lammps.command("fix move all nve")
    with pytest.raises(FloatingPointError, match="no forces today"):
        driver.run(5)


def test_lammps_refusals(lammps):
    atoms = system()
    set_up(lammps, atoms)
    other = system()
    other.cell[0, 0] = 3.2
    with pytest.raises(CannotCarry, match="constant cell"):
        LammpsDriver(lammps, other)
    with pytest.raises(CannotCarry, match="fluctuating"):
        LammpsDriver(lammps, atoms, charge="fluctuating")
    turned = system()
    turned.cell[0, 1] = 1.0
    with pytest.raises(CannotCarry, match="along x"):
        set_up(lammps, turned)
