"""What several verbs share: arguments, the potential scale, reading structures, tables on the terminal; data are read by `inputs`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from electrode.cli.parser import Parser, UsageError

SCALES = "SHE, RHE (with --ph), PZC (with --pzc) or absolute"
_ROUNDING = 1e-9  # [e]


def add_model(parser: Parser, required: bool = True) -> None:
    """Add --model."""
    parser.add_argument("--model", required=required, metavar="M", help="folder of a model, or the name of a shipped one")


def add_potential(parser: Parser, many: bool, required: bool | None = None) -> None:
    """Add --potential, one value or several (then required, unless said otherwise), and what its scale needs."""
    required = many if required is None else required
    parser.add_argument("--potential", type=float, nargs="+" if many else None, required=required, metavar="U", help="electrode potential [V] on the scale --reference")
    parser.add_argument("--reference", metavar="SCALE", help=f"scale of the potential: {SCALES}; never guessed")
    parser.add_argument("--ph", type=float, metavar="PH", help="pH, for RHE")
    parser.add_argument("--she-absolute", type=float, metavar="V", help="absolute potential of SHE in the model's method [V]; by default the model's own, else 4.44")
    parser.add_argument("--pzc", type=float, metavar="V", help="absolute potential of zero charge [V], for PZC")
    parser.add_argument("--strict", action="store_true", help="stop, rather than warn, outside the range the model was trained in")


def refuse_other_formats(path: str | None, many: bool = False) -> None:
    """Refuse a file that ASE cannot write a structure to, or `many`, before any work is done; None is passed over.

    Raises
    ------
    UsageError
    """
    from ase.io.formats import UnknownFileTypeError, filetype, get_ioformat

    try:
        kind = None if path is None else get_ioformat(filetype(path, read=False))
    except UnknownFileTypeError:
        raise UsageError(f"{path}: expected a name that ends in .traj or .xyz, or in that of another format of ASE") from None
    if kind is not None and (not kind.can_write or many and kind.single):
        raise UsageError(f"{path}: expected a format that holds {'several structures' if many else 'a structure'}, such as .traj or .xyz; ASE does not write it in {kind.name}")


def add_outputs(parser: Parser, what: str) -> None:
    """Add --json and --force."""
    parser.add_argument("--json", metavar="FILE", help=f"write {what} as JSON")
    parser.add_argument("--force", action="store_true", help="replace existing output files")


def scale_of(arguments, model):
    """Return the scale that --reference names, an object of `electrode.references`, and print it.

    Raises
    ------
    UsageError, ValueError
        without --reference, or where the scale lacks what it needs.
    """
    from electrode.references import reference

    word = arguments.reference
    if word is None:
        raise UsageError(f"a potential needs its scale: expected --reference {SCALES}; got none. Name it, for instance --reference SHE")
    absolute = arguments.she_absolute
    if absolute is None and word.strip().lower() in ("she", "rhe"):
        absolute = model.card.she_absolute
    scale = reference(word, absolute=absolute, ph=arguments.ph, pzc=arguments.pzc)
    print(f"reference: {scale}; 0 V is {scale.to_absolute(0.0):.4g} V absolute")
    return scale


def read_structure(path: str):
    """Return the last structure of a file (or FILE@INDEX), or the example of that name, without labels, results and controls.

    Raises
    ------
    FileNotFoundError, ValueError
        if there is no such file, or no structure can be read from it.
    """
    import ase.io

    from electrode.examples import example, example_names
    from electrode.state import GAP_KEY

    if not Path(path).exists() and path in example_names():
        return example(path)
    if not Path(path.rpartition("@")[0] if "@" in Path(path).name else path).is_file():
        raise FileNotFoundError(f"{path}: no such file. Check the name and the folder, or name an example: {', '.join(example_names())}")
    try:
        atoms = ase.io.read(path)
    except Exception as error:  # parsers of a hundred formats raise anything
        raise ValueError(f"{path}: no structure could be read ({type(error).__name__}: {error}); expected a format that ASE knows") from error
    if not hasattr(atoms, "positions") or not len(atoms):
        raise ValueError(f"{path}: expected one structure with atoms; give FILE or FILE@INDEX")
    atoms.calc, atoms.info = None, {key: atoms.info[key] for key in (GAP_KEY,) if key in atoms.info}
    for name in [n for n in atoms.arrays if n.startswith("REF_")]:
        del atoms.arrays[name]
    return atoms


def table(heads: Sequence[str], rows: Sequence[Sequence]) -> str:
    """Return rows of words and numbers under their heads, columns aligned; None shows as a dash."""
    shown = [[_cell(x) for x in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *shown)]
    return "\n".join("  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths)) for row in [list(heads), *shown])


def errors_table(rows: dict[str, dict]) -> str:
    """Return errors by name as a table of all keys that occur, without latent charges where their sum is the charge by construction, but for rounding."""
    keys = list(dict.fromkeys(k for row in rows.values() for k, v in row.items() if isinstance(v, (int, float))))
    told = [k for k in keys if not k.startswith("latent_") or any(abs(row.get(k, 0.0)) > _ROUNDING for row in rows.values())]
    return table(["", *told], [[name, *(row.get(k) for k in told)] for name, row in rows.items()])


def _cell(value) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
