"""`electrode electrify`."""

from __future__ import annotations

from pathlib import Path

from electrode.cli.inputs import read_data
from electrode.cli.options import add_outputs, errors_table
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = """BASE is any neutral model with an ASE calculator: emt, chgnet, sevennet-0, mace:PATH, electrode:PATH (a stored
model of natural charge, at zero charge), or MODULE:FACTORY, a function without arguments that returns a calculator. Weights stay in their package; M keeps their name, version and digest.
The answer to charge is fitted to potentials and to what changes between charges of one geometry, so give two charges or
more of each. Without --correct-neutral the neutral energy stays as it is, its errors included."""
FEW = 15  # trajectories from which the correction helped away from them, see `python -m validation electrify`
EXAMPLE = "electrode electrify chgnet --data charged.xyz --output M --correct-neutral"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("base", metavar="BASE", help="the neutral model")
    parser.add_argument("--data", required=True, nargs="+", metavar="DATA.xyz", help="charged frames, extended XYZ")
    parser.add_argument("--assume", nargs="+", default=[], metavar="KEY=VALUE", help="what frames that lack a key of the record may be taken to have, for instance mu_zero=electrolyte")
    parser.add_argument("--output", required=True, metavar="M", help="folder of the model")
    parser.add_argument("--correct-neutral", action="store_true", help="also correct the neutral energy where it differs from the frames'; worth it from about fifteen geometries")
    parser.add_argument("--split", metavar="FILE", help="division into train, validation and test, JSON: fit to the first, print errors of the others")
    parser.add_argument("--frames", type=int, metavar="N", help="fit to N frames drawn at random; trajectories without one are held out (default all)")
    parser.add_argument("--per-trajectory", type=int, default=2, metavar="K", help="frames drawn of a trajectory at a time (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of --frames (default %(default)s)")
    parser.add_argument("--validation", nargs="+", default=[], metavar="DATA.xyz", help="further frames to print errors of")
    add_outputs(parser, "what was fitted and the errors")


def run(arguments) -> int:
    """Fit, print what was fitted and the errors, and write the model."""
    refuse_existing([arguments.json, arguments.output], arguments.force)
    folder = Path(arguments.output)
    if folder.exists() and not (folder / "model.json").is_file():
        raise UsageError(f"{folder} is not a model, so --force does not replace it; expected a new name, or a folder with model.json")
    from electrode.models.neutral_base import NeutralBase, NeutralBaseConfig
    from electrode.models.store import save_model
    from electrode.train.electrify import electrify

    base = NeutralBase(NeutralBaseConfig.of(arguments.base))
    used, parts = _parts(arguments)
    found = electrify(base, used, arguments.correct_neutral)
    report = _report(found)
    _show(report)
    errors = _errors(found.model, {"used": used, **parts})
    print(errors_table(errors))
    save_model(found.model, folder, force=arguments.force)
    content = {"fit": report, "errors": errors}
    write_json(folder / "electrify.json", content)
    if arguments.json:
        write_json(arguments.json, content, arguments.force)
    return 0


def _parts(arguments) -> tuple[list, dict[str, list]]:
    """Return the frames to fit to, and the others by name."""
    from electrode.data.splits import Split
    from electrode.train.electrify import draw, trajectory_of

    frames, parts = read_data(arguments), {}
    if arguments.split:
        split = Split.from_json(arguments.split)
        parts = {part: split.select(frames, part) for part in ("validation", "test")}
        frames = split.select(frames, "train")
    used = frames
    if arguments.frames is not None:
        used = draw(frames, arguments.frames, arguments.seed, arguments.per_trajectory)
        seen = {trajectory_of(f) for f in used}
        parts = {"held out": [f for f in frames if trajectory_of(f) not in seen], **parts}
    for path in arguments.validation:
        parts[path] = read_data(type(arguments)(data=[path], assume=arguments.assume))
    return used, {name: some for name, some in parts.items() if some}


def _report(found) -> dict:
    from dataclasses import asdict

    from electrode.models.response import PARTS

    response, base, card = found.model.response, found.model.base.config, found.model.card
    return {
        "base": asdict(base), "n_frames": found.n_frames, "n_trajectories": found.n_trajectories, "corrected_neutral": found.widths.energy > 0.0,
        "environments": response.config.n_environments, "widths": asdict(found.widths), "left_out": found.left_out,
        "potential_constant_V": float(response.shift), "capacitance_uF_per_cm2": list(found.capacitance),
        "surface_charge_range_e_per_A2": list(card.surface_charge_range), "potential_range_V": list(card.potential_range),
        "largest_coefficients": dict(zip(PARTS, response.coefficients.abs().amax(0).tolist())),
    }  # fmt: skip


def _show(report: dict) -> None:
    base, low, high = report["base"], *report["capacitance_uF_per_cm2"]
    print(f"base: {base['calculator']} ({base['package'] or 'no package'} {base['version']}, weights {base['digest'][:12] or 'none'})")
    print(f"fitted to {report['n_frames']} frames of {report['n_trajectories']} trajectories, neutral energy {'corrected' if report['corrected_neutral'] else 'as it is'}")
    print(f"capacitance of the frames: {low:.1f} to {high:.1f} uF/cm^2; potentials {report['potential_range_V'][0]:.2f} to {report['potential_range_V'][1]:.2f} V absolute")
    if report["corrected_neutral"] and report["n_trajectories"] < FEW:
        print(f"note: {report['n_trajectories']} trajectories are few for a correction of the neutral energy; compare with a fit without it")
    rows = ", ".join(f"{name} {value:.3g}" for name, value in report["left_out"].items())
    print(f"trajectories left out, one after the other: {rows or 'a single trajectory cannot be'}")


def _errors(model, parts: dict[str, list]) -> dict:
    from electrode.train.metrics import frame_errors

    return {name: frame_errors(model, frames) for name, frames in parts.items()}
