"""A client of the i-PI protocol: i-PI, ASE or any other program that speaks it moves the atoms, the forces come from here.

Each call brings positions and a cell, and takes energy, forces and a JSON text of charge, potential and dE/dN (i-PI's extras).  The beads of
a path integral come one after the other and each gets the charge that its own geometry has at the potential: the adiabatic
ensemble (`ensembles.ChargePerBead`), not the one with a shared charge.  Protocol: Kapil et al., Comput. Phys. Commun. 236, 214 (2019).
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.calculators.socketio import IPIProtocol, SocketClosed, actualunixsocketname

from electrode.simulate.engines import CannotCarry, extras, require_agreed, require_carried, require_same_cell

DEFAULT_PORT = 31415


def serve(
    atoms: Atoms, *, host: str = "localhost", port: int = DEFAULT_PORT, unix: str | None = None, timeout: float | None = None,
    charge: str = "held", observer: Callable[[dict], None] | None = None,
) -> int:  # fmt: skip
    """Answer a server until it ends the session, and return how many times forces were sent.

    Parameters
    ----------
    atoms : in the server's order, with an ElectrodeCalculator that holds potential or charge
    host, port : of the server;  unix : name of a Unix socket instead (/tmp/ipi_NAME)
    timeout : longest silence [s]; None waits for ever
    charge : "held"; "fluctuating" is refused
    observer : called with the extras after each evaluation

    Raises
    ------
    CannotCarry
        for what the protocol cannot carry, before connecting where it is known by then; see `engines`.
    ConnectionError
        if there is no server.
    """
    require_carried(atoms, "the i-PI protocol", charge=charge)
    moving, cell = atoms.copy(), atoms.cell.array.copy()
    moving.calc = atoms.calc
    with _connect(host, port, unix) as connection:
        connection.settimeout(timeout)
        return _Session(IPIProtocol(connection), moving, cell, observer).run()


def _connect(host: str, port: int, unix: str | None) -> socket.socket:
    place = f"{host}:{port}" if unix is None else actualunixsocketname(unix)
    connection = socket.socket(socket.AF_INET if unix is None else socket.AF_UNIX)
    try:
        connection.connect((host, port) if unix is None else place)
    except (OSError, OverflowError) as error:  # the latter for a port beyond 65535
        connection.close()
        raise ConnectionError(f"no server at {place} ({error}). Start i-PI or the other server first, with the same address") from error
    return connection


class _Session:
    """One connection: what was received last and what it gave."""

    def __init__(self, protocol: IPIProtocol, atoms: Atoms, cell: np.ndarray, observer):
        self.protocol, self.atoms, self.cell, self.observer = protocol, atoms, cell, observer
        self.state, self.sent, self.told = "NEEDINIT", 0, {}

    def run(self) -> int:
        """Answer messages until EXIT or the end of the connection."""
        answers = {"STATUS": self._status, "INIT": self._init, "POSDATA": self._evaluate, "GETFORCE": self._send}
        while True:
            try:
                message = self.protocol.recvmsg()
            except SocketClosed:
                return self.sent
            if message == "EXIT":
                return self.sent
            if message not in answers:
                raise CannotCarry(f"the server sent {message!r}; expected one of {', '.join(answers)} or EXIT, of the plain i-PI protocol")
            answers[message]()

    def _status(self) -> None:
        self.protocol.sendmsg(self.state)

    def _init(self) -> None:
        _, words = self.protocol.recvinit()
        parameters = words.astype(np.uint8).tobytes().decode("utf-8", "replace")
        if "batch_size" in parameters:
            raise CannotCarry(f"the server wants structures in batches ({parameters.strip()}); set its batch_size to 1")
        require_agreed(parameters, self.atoms, "the server's parameters")
        self.state = "READY"

    def _evaluate(self) -> None:
        cell, _, positions = self.protocol.recvposdata()
        if len(positions) != len(self.atoms):
            raise CannotCarry(f"the server sent {len(positions)} atoms; expected the {len(self.atoms)} of the structure, in its order")
        periodic = self.atoms.pbc
        require_same_cell(cell[periodic], self.cell[periodic], "the server")
        self.atoms.positions = positions
        self.atoms.get_forces()
        self.told, self.state = extras(self.atoms), "HAVEDATA"
        if self.observer is not None:
            self.observer(self.told)

    def _send(self) -> None:
        words = np.frombuffer(json.dumps(self.told).encode(), dtype=np.byte)
        forces = self.atoms.get_forces(apply_constraint=False)
        self.protocol.sendforce(self.atoms.get_potential_energy(), forces, np.zeros((3, 3)), words)
        self.sent, self.state = self.sent + 1, "READY"
