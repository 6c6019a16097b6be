"""`electrode explore`."""

from __future__ import annotations

from electrode.cli.options import add_potential, read_structure
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = """A few structures are labelled by your calculator, a committee is trained on them, and dynamics at constant potential explores with it. Frames where its members
disagree about a force, chosen far apart from each other, are labelled next, and so on until the members agree along all dynamics or the calls are spent.
FOLDER holds every call the moment it is known, and at the end frames.xyz (the record) and model/. --resume goes on after an interruption; what was
labelled is not asked for again. Exit code 1 if the members still disagree somewhere."""
EXAMPLE = "electrode explore slab.xyz --accelerate mine.py --potential -0.6 -0.2 --reference SHE --temperature 300 --output search --max-calls 80"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("structure", metavar="STRUCTURE", help="the start, any format of ASE; the bottom layer is held unless it carries constraints")
    parser.add_argument("--accelerate", required=True, metavar="FILE.py", help="defines calculator(charge=None) or calculator(potential=None), which return an ASE calculator at that net charge [e] or absolute potential [V]")
    add_potential(parser, many=True)
    parser.add_argument("--temperature", type=float, nargs="+", default=[300.0], metavar="K", help="of the dynamics (default 300)")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="keeps calls, frames and model")
    parser.add_argument("--resume", action="store_true", help="go on with the calls that the folder holds")
    parser.add_argument("--scheme", default="dual", metavar="NAME", help="of the committee, a name of `electrode schemes` (default %(default)s)")
    parser.add_argument("--config", metavar="FILE", help="choices of model and training, YAML as for electrode train")
    parser.add_argument("--max-minutes", type=float, default=5.0, metavar="T", help="of each training (default %(default)s)")
    for name, kind, default, text in _NUMBERS:
        parser.add_argument(f"--{name}", type=kind, default=default, metavar="N" if kind is int else "X", help=f"{text} (default %(default)s)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="label the structures of a round side by side: local, or the address of a scheduler of dask")
    parser.add_argument("--workers", type=int, metavar="N", help="processes of --scheduler local")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON")
    parser.add_argument("--force", action="store_true", help="replace an existing JSON file")


_NUMBERS = (
    ("max-calls", int, 100, "calls of the calculator, failed ones included"),
    ("max-rounds", int, 20, "rounds of labels"),
    ("batch", int, 8, "labels of a round"),
    ("members", int, 4, "of the committee"),
    ("threshold", float, 0.15, "disagreement about a force below which all is well [eV/A]"),
    ("steps", int, 400, "of each dynamics"),
    ("timestep", float, 0.5, "[fs]"),
    ("seed", int, 0, "of all that is drawn"),
)


def run(arguments) -> int:
    """Explore, print and write; return 0 if the members agree."""
    from electrode.learn.exploration import explore
    from electrode.learn.source import Source

    refuse_existing([arguments.json], arguments.force)
    refuse_existing([arguments.output], force=True)  # the folder that holds it must be there
    if arguments.reference is None:
        raise UsageError("a potential needs its scale: expected --reference SHE, RHE (with --ph), PZC (with --pzc) or absolute; got none")
    choices, training = _configuration(arguments)
    numbers = {name.replace("-", "_"): getattr(arguments, name.replace("-", "_")) for name, *_ in _NUMBERS}
    found = explore(
        read_structure(arguments.structure), Source.from_file(arguments.accelerate), arguments.potential, arguments.temperature, arguments.reference,
        scheme=arguments.scheme, choices=choices, training=training, she_absolute=arguments.she_absolute, ph=arguments.ph, pzc=arguments.pzc,
        folder=arguments.output, resume=arguments.resume, scheduler=arguments.scheduler, workers=arguments.workers, progress=print, **numbers,
    )  # fmt: skip
    print(f"{found.status}: {found.calls} calls, {len(found.frames)} frames, {len(found.failures)} failures; {arguments.output}/frames.xyz, {arguments.output}/model")
    if arguments.json:
        kept = {name: getattr(found, name) for name in ("converged", "status", "disagreement", "calls", "failures")}
        write_json(arguments.json, kept | {"n_frames": len(found.frames)}, arguments.force)
    return 0 if found.converged else 1


def _configuration(arguments) -> tuple[dict | None, dict]:
    """Return the choices of the model and the entries of the training."""
    import yaml

    training = {"max_minutes": arguments.max_minutes}
    if arguments.config is None:
        return None, training
    with open(arguments.config, encoding="utf-8") as stream:
        sections = yaml.safe_load(stream) or {}
    if not isinstance(sections, dict) or set(sections) - {"model", "train"}:
        raise UsageError(f"{arguments.config}: expected the sections model and train, got {sections if not isinstance(sections, dict) else ', '.join(sections)}")
    return sections.get("model"), training | (sections.get("train") or {})
