"""`electrode info`."""

from __future__ import annotations

from electrode.cli.options import add_outputs
from electrode.cli.parser import Parser
from electrode.output import refuse_existing, write_json

NOTES = "Shipped models are named without a folder."
EXAMPLE = "electrode info M --json info.json"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("model", metavar="M", help="folder of a model, or the name of a shipped one")
    add_outputs(parser, "what is shown")


def run(arguments) -> int:
    """Print and write what the model says of itself."""
    refuse_existing([arguments.json], arguments.force)
    from dataclasses import asdict

    from electrode.models.schemes import find_scheme, scheme_of
    from electrode.models.store import load_model

    model = load_model(arguments.model)
    scheme = scheme_of(model)
    known = find_scheme(scheme)
    content = {
        "scheme": scheme,
        "title": known.title,
        "doi": known.doi,
        "natural": model.natural,
        "parameters": sum(p.numel() for p in model.parameters()),
        "card": asdict(model.card),
        "config": asdict(model.config),
    }
    _show(content)
    if arguments.json:
        write_json(arguments.json, content, arguments.force)
    return 0


def _show(content: dict, indent: str = "") -> None:
    for name, value in content.items():
        if isinstance(value, dict):
            print(f"{indent}{name}:")
            _show(value, indent + "  ")
        else:
            print(f"{indent}{name}: {'not stated' if value is None or value == () else value}")
