"""What the verbs share that ask a calculator of the user's own few times."""

from __future__ import annotations

from electrode.cli.parser import UsageError

OWN = ("resume", "max_calls", "prior")  # options of --accelerate alone


def add_options(group, calls: str, most: int) -> None:
    """Add the options of `OWN`.

    Parameters
    ----------
    group : parser or group of options
    calls : what the limit of calls counts;  most : the limit where none is given
    """
    group.add_argument("--resume", action="store_true", help="go on with the calls that the folder holds")
    group.add_argument("--max-calls", type=int, metavar="N", help=f"of it, {calls} (default {most})")
    group.add_argument("--prior", metavar="P", help="what is known before: bonds (default), metals, none, electrode:FOLDER for a model of this package with its charge, or a cheap calculator: emt, chgnet, sevennet-0, MODULE:FACTORY")


def given(arguments, own: tuple[str, ...], folder: str) -> bool:
    """Say whether --accelerate is given, with what it needs.

    Parameters
    ----------
    own : options that belong to --accelerate alone
    folder : the one that names where calls are kept

    Raises
    ------
    UsageError
        for an option without the other, or neither a calculator nor a model.
    """
    if arguments.accelerate is not None:
        if getattr(arguments, folder) is None:
            raise UsageError(f"--accelerate: expected --{folder} FOLDER, which keeps every call; there is no default")
        return True
    for name in own:
        if getattr(arguments, name) not in (None, False):
            raise UsageError(f"--{name.replace('_', '-')}: expected --accelerate FILE.py, which it belongs to")
    if arguments.model is None:
        raise UsageError("expected --model M, or --accelerate FILE.py with a calculator of your own; got neither")
    return False


def prior_named(word: str):
    """Return the prior that --prior names: a word of `electrode.learn.prior`, None for none, or a calculator."""
    from electrode.learn.prior import MODEL, WORDS
    from electrode.models.neutral_calculators import make_calculator

    return None if word == "none" else word if word in WORDS or word.startswith(MODEL) else make_calculator(word)


def results_in(path: str):
    """Return the calculator with the results of a file's last structure, None without any."""
    import ase.io

    return ase.io.read(path).calc


def record_in(path: str):
    """Return a calculator with energy, forces, charge and potential of a file's last frame, in any format that electrode reads."""
    from ase.calculators.calculator import Calculator

    from electrode.data.readers.registry import read

    frame, known = read(path, None)[-1], Calculator()
    found = {"energy": frame.canonical_energy, "canonical_energy": frame.canonical_energy, "forces": frame.forces, "charge": frame.charge, "potential": frame.potential}
    known.results = {name: value for name, value in found.items() if value is not None}
    return known
