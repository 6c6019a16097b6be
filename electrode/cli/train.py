"""`electrode train`."""

from __future__ import annotations

import sys
from pathlib import Path

from electrode.cli.configuration import configuration
from electrode.cli.inputs import add_data, read_data
from electrode.cli.options import add_outputs, errors_table
from electrode.cli.parser import Parser, UsageError
from electrode.data.problems import did_you_mean
from electrode.output import refuse_existing, write_json

NOTES = """The configuration is YAML with up to two sections: `model`, entries of the scheme's configuration, and `train`, entries of the
training's: terms (a list of quantity, weight, scale, begins), epochs, batch_size, optimiser (soap or adamw), learning_rate, weight_decay, schedule (shape: cosine,
constant or plateau; warm_up), gradient_clip, validate_every, patience, averaging, bootstrap, posterior, polish, seed, freeze (a list of
weights, until, rate: names of weights that rest until that epoch, or without it to the end, and their share of the learning rate).  Without --split,
trajectories are divided 70 : 15 : 15 by --seed.  The split that was used stands in M/split.json, the errors of each part in
M/errors.json, the course of the training in M/history.json.

The members of a committee begin with different weights; those of a least-squares scheme are fitted one by one to draws of the
trajectories, or with `posterior: true` drawn about one fit, from what the labels leave open.  `electrode committee` joins models trained apart.  With --start only the section `train` counts.

Every minute, and at SIGINT or SIGTERM, the training is kept in M.checkpoint; the same command with --resume goes on from there.
For several processes, give each its share of the frames: torchrun --nproc-per-node 2 -m electrode train ..."""
EXAMPLE = "electrode train data.xyz --scheme dual --output M --max-minutes 5 --seed 0 --plot curves.png"
SHARES = (0.7, 0.15, 0.15)


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    add_data(parser)
    parser.add_argument("--scheme", required=True, metavar="NAME", help="a name of `electrode schemes`, or MODULE:NAME, a scheme of your own")
    parser.add_argument("--output", required=True, metavar="M", help="folder of the model")
    parser.add_argument("--config", metavar="FILE", help="choices that differ from the defaults, YAML")
    parser.add_argument("--base", metavar="BASE", help="of the scheme razor: neutral model beside which it learns, as in `electrode electrify`")
    parser.add_argument("--start", metavar="MODEL", help="begin with the weights of this model or committee of the scheme, whose choices, members and caution stay, elements that it does not know taking the place of similar ones; or with the network of a template, where the scheme shares it")
    parser.add_argument("--replay", metavar="DATA", help="of the scheme multihead: labelled frames, such as neutral ones of another method, that the head which does not serve learns from in every step")
    parser.add_argument("--split", metavar="FILE", help="division into train, validation and test, JSON")
    parser.add_argument("--align-zeros", metavar="NAME", help="before training take off the zeros of energy and potential of each method, fitted on the training frames against this method or model")
    parser.add_argument("--members", type=int, default=1, metavar="K", help="train a committee of K models at once; their calibrated spread says when not to trust (default %(default)s)")
    parser.add_argument("--caution", type=float, default=0.0, metavar="K", help="let the disagreement of a committee cost energy, so that relaxations and bands keep to what it knows; 3 is a good value (default 0)")
    parser.add_argument("--max-minutes", type=float, metavar="T", help="time for the training loop [minutes]")
    parser.add_argument("--seed", type=int, metavar="S", help="of the split, the initial weights and the order of frames")
    parser.add_argument("--resume", action="store_true", help="go on with the training that M.checkpoint holds")
    parser.add_argument("--allow-change", action="store_true", help="with --resume, go on even with other data or other choices")
    parser.add_argument("--checkpoint-seconds", type=float, default=60.0, metavar="T", help="time between two writings of M.checkpoint (default %(default)s)")
    parser.add_argument("--log-file", metavar="FILE", help="write a row for each validation while training goes on, .csv or .jsonl")
    parser.add_argument("--plot", metavar="FILE", help="learning curves, .png, .svg or .pdf")
    add_outputs(parser, "the errors of each part")


def run(arguments) -> int:
    """Train, print the split and the errors, and write the model; of several processes only the first prints and writes."""
    _refuse(arguments)
    choices, config = configuration(arguments)
    from electrode.train.processes import leave, processes_of_environment

    processes = processes_of_environment()
    try:
        return _run(arguments, choices, config, processes)
    finally:
        leave(processes)


def _run(arguments, choices: dict, config, processes) -> int:
    start, checkpoint, log = _start(arguments), _kept(arguments), _log(arguments)
    frames = read_data(arguments)
    split = _split(arguments, frames)
    parts = split.divide(frames)
    for part, some in parts.items() if processes.first else ():
        print(f"{part}: {len(some)} frames of {len(getattr(split, part))} groups ({split.group})")
    zeros = _zeros(arguments, parts["train"])
    if zeros is not None and processes.first:
        _show_zeros(zeros)
    training = _train(arguments, parts, choices, config, checkpoint, log, processes, zeros, start)
    if not processes.first:
        return 0
    _save(arguments, training, split)
    errors = _errors(training.model, parts)
    print(errors_table(errors))
    write_json(Path(arguments.output) / "errors.json", errors)
    if arguments.json:
        write_json(arguments.json, errors, arguments.force)
    Path(checkpoint.path).unlink(missing_ok=True)
    return 0


def _refuse(arguments) -> None:
    """Refuse what cannot be written before any work is done."""
    from electrode.plot import check_suffix

    refuse_existing([arguments.json, arguments.output, arguments.plot], arguments.force)
    _refuse_other_folder(Path(arguments.output))
    if arguments.plot:
        check_suffix(arguments.plot)
    if arguments.allow_change and not arguments.resume:
        raise UsageError("--allow-change belongs to --resume; give both or neither")
    if arguments.replay and (arguments.scheme != "multihead" or arguments.align_zeros):
        raise UsageError("--replay is for --scheme multihead alone, without --align-zeros; each head has zeros of its own")
    if arguments.replay and arguments.members > 1 and arguments.resume:
        raise UsageError("--replay trains the members of a committee one after the other and keeps no checkpoint of them; leave --resume out")
    if arguments.start and (arguments.members > 1 or arguments.caution):
        raise UsageError("--start brings its own members and caution; leave --members and --caution out, or train a new model")


def _start(arguments):
    """Return the model of --start, which must be of the scheme, or None."""
    if arguments.start is None:
        return None
    from electrode.models.store import load_model
    from electrode.train.start import trained_scheme
    from electrode.train.transfer import transferable

    model = load_model(arguments.start)
    if (own := trained_scheme(model)) != arguments.scheme and not transferable(model, arguments.scheme):
        raise UsageError(f"--start: expected a model of the scheme {arguments.scheme!r}, got {arguments.start} of {own!r}; give --scheme {own}, or another start")
    return model


def _kept(arguments):
    from electrode.train.checkpoint import Checkpoint

    path = Path(f"{arguments.output}.checkpoint")
    if arguments.force and not arguments.resume:
        path.unlink(missing_ok=True)
    return Checkpoint(path, arguments.checkpoint_seconds, resume=arguments.resume, allow_change=arguments.allow_change)


def _log(arguments):
    from electrode.train.log import Log

    if not arguments.log_file:
        return None
    if arguments.force and not arguments.resume:
        Path(arguments.log_file).unlink(missing_ok=True)
    return Log(arguments.log_file, append=arguments.resume)


def _refuse_other_folder(folder: Path) -> None:
    """Keep --force from replacing anything that is no model."""
    if folder.exists() and not (folder / "model.json").is_file():
        raise UsageError(f"{folder} is not a model, so --force does not replace it; expected a new name, or a folder with model.json")


def _split(arguments, frames):
    from electrode.data.splits import Split

    if arguments.split:
        if not Path(arguments.split).is_file():
            raise FileNotFoundError(f"{arguments.split}: no such file. Check the name of the split.")
        return Split.from_json(arguments.split)
    return _divided(arguments, frames)


def _divided(arguments, frames):
    from electrode.data.splits import split_by_trajectory

    group = "positions" if all(f.trajectory is None for f in frames) else "trajectory"
    return split_by_trajectory(frames, SHARES, seed=arguments.seed or 0, group=group)


def _zeros(arguments, frames):
    """Return the zeros of the methods among the frames against the one, or the model, that --align-zeros names."""
    name = arguments.align_zeros
    if name is None:
        return None
    from electrode.data.zeros import fit_zeros_to
    from electrode.models.store import ModelFileError, load_model
    from electrode.train.alignment import zeros_of_model

    methods = sorted({str(f.method_id) for f in frames})
    if name in methods:
        return fit_zeros_to(frames, name)
    try:
        model = load_model(name)
    except ModelFileError as error:
        raise UsageError(f"--align-zeros: expected a method of the training frames ({', '.join(methods)}) or a model, got {name!r}{did_you_mean(name, methods)}; {error}") from error
    return zeros_of_model(model, frames)


def _show_zeros(zeros) -> None:
    for zero in (z for z in zeros.methods if z.method_id != zeros.relative_to):
        several = f"; not determined one by one: {', '.join(zero.undetermined)}" if zero.undetermined else ""
        print(f"{zero.method_id}: zero of potential {zero.shift:+.4f} V over {zeros.relative_to}, energies fit to {1e3 * zero.energy_rms:.3g} meV per atom{several}")


def _train(arguments, parts: dict, choices: dict, config, checkpoint, log, processes, zeros, start):
    from tqdm import tqdm

    from electrode.train.train import train

    with tqdm(total=100, disable=None if processes.first else True, bar_format="{l_bar}{bar}| {elapsed} {postfix}") as bar:

        def progress(row: dict) -> None:
            bar.update(round(100 * row["done"]) - bar.n)
            bar.set_postfix_str(f"epoch {row['epoch']}, validation loss {row['validation_loss']:.4g}")
            if log is not None and processes.first:
                log.write(row)

        try:
            if arguments.replay:
                return _replayed(arguments, parts, choices, config, progress, start, checkpoint)
            return train(arguments.scheme, parts["train"], parts["validation"], config, choices, progress, arguments.members, arguments.caution, checkpoint=checkpoint, processes=processes, zeros=zeros, start=start)
        except KeyboardInterrupt:
            if processes.first and Path(checkpoint.path).exists():
                print(f"electrode: {checkpoint.path} holds the training; the same command with --resume goes on", file=sys.stderr)
            raise


def _replayed(arguments, parts: dict, choices: dict, config, progress, start, checkpoint):
    """Train a multihead, its other head on the frames of --replay."""
    from electrode.data.readers.registry import read
    from electrode.train.heads import HeadData
    from electrode.train.replay import train_with_replay

    frames = read(arguments.replay, None)
    divided = _divided(arguments, frames).divide(frames)
    replayed = HeadData([*divided["train"], *divided["test"]], divided["validation"])  # no one asks for its test
    kept = checkpoint if arguments.members == 1 else None
    return train_with_replay(parts["train"], parts["validation"], replayed, config, choices, progress, arguments.members, arguments.caution, start=start, checkpoint=kept)


def _errors(model, parts: dict) -> dict:
    from electrode.train.metrics import frame_errors

    return {part: frame_errors(model, frames) for part, frames in parts.items() if frames}


def _save(arguments, training, split) -> None:
    from electrode.models.store import save_model

    folder = Path(arguments.output)
    save_model(training.model, folder, force=arguments.force)
    split.to_json(folder / "split.json")
    write_json(folder / "history.json", training.history)
    if arguments.plot:
        from electrode.plot_training import plot_curves

        plot_curves(training.history, arguments.plot, force=arguments.force)
