"""`electrode serve`."""

from __future__ import annotations

from electrode.cli.options import add_model, add_outputs, add_potential, read_structure, scale_of
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = """i-PI (or ASE's SocketIOCalculator, or another program that speaks its protocol) moves the atoms and must be started first; the electrode's
potential, charge and field are held here and cannot be changed by it. Each answer carries charge, potential and dE/dN as JSON (extras). The
structure gives elements, their order and the cell, which stays; beads of a path integral each get the charge of their own geometry."""
EXAMPLE = "electrode serve slab.xyz --model M --potential -0.5 --reference SHE --unix interface"
MODES = ("born-oppenheimer", "constant-charge", "extended", "thermopotentiostat", "shared-charge")


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("structure", metavar="STRUCTURE", help="any format of ASE, atoms in the server's order")
    add_model(parser)
    add_potential(parser, many=False)
    parser.add_argument("--charge", type=float, metavar="Q", help="net charge of the cell to hold instead of the potential [e]")
    parser.add_argument("--field", type=float, nargs=3, metavar=("X", "Y", "Z"), help="uniform field, of models that read one [V/A]")
    parser.add_argument("--mode", choices=MODES, help="what the charge does; by default what --potential or --charge says. Modes with a fluctuating charge are refused")
    parser.add_argument("--unix", metavar="NAME", help="Unix socket /tmp/ipi_NAME, instead of --host and --port")
    parser.add_argument("--host", default="localhost", help="of the server (default %(default)s)")
    parser.add_argument("--port", type=int, default=31415, help="of the server (default %(default)s)")
    parser.add_argument("--timeout", type=float, metavar="S", help="longest silence of the server [s]; by default waits for ever")
    add_outputs(parser, "the number of calls and what the last one told")


def run(arguments) -> int:
    """Answer the server until it ends, and write; return 0."""
    refuse_existing([arguments.json], arguments.force)
    if (arguments.potential is None) == (arguments.charge is None):
        raise UsageError("serve needs exactly one of --potential [V] and --charge [e] to hold; give one")
    held = "born-oppenheimer" if arguments.charge is None else "constant-charge"
    if arguments.mode in MODES[:2] and arguments.mode != held:
        raise UsageError(f"--mode {arguments.mode} does not go with what is held: expected {held}. Drop --mode, or hold the other")
    from tqdm import tqdm

    from electrode.simulate.socket_client import serve

    atoms = read_structure(arguments.structure)
    atoms.calc = _calculator(arguments)
    place = {"unix": arguments.unix} if arguments.unix else {"host": arguments.host, "port": arguments.port}
    last, charge = {}, "held" if arguments.mode in (None, held) else "fluctuating"
    with tqdm(disable=None, unit="call") as bar:
        sent = serve(atoms, timeout=arguments.timeout, charge=charge, observer=lambda told: (last.update(told), bar.update()), **place)
    print(f"served {sent} calls")
    if arguments.json:
        write_json(arguments.json, {"calls": sent, "last": last}, arguments.force)
    return 0


def _calculator(arguments):
    from electrode.calculator import ElectrodeCalculator
    from electrode.models.store import load_model

    model, settings = load_model(arguments.model), {"field": arguments.field, "strict": arguments.strict}
    if arguments.charge is not None:
        return ElectrodeCalculator(model, charge=arguments.charge, **settings)
    absolute = scale_of(arguments, model).to_absolute(arguments.potential)
    return ElectrodeCalculator(model, potential=absolute, reference="absolute", **settings)
