"""Imports run one way."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1] / "electrode"
ORDER = ["units", "metals", "references", "keys", "output", "sweeps", "data", "examples", "state", "physics", "bridge", "nn", "models", "thermo", "train", "scan", "changes", "calculator",
         "relax", "observables", "end_states", "band", "pathway", "neb", "simulate", "learn", "plot", "plot_charges", "plot_data", "plot_observables", "plot_training",
         "plot_errors", "plot_search", "plot_results", "cli"]  # fmt: skip
TORCH_FREE = ("units", "references", "keys", "physics", "data")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def layer(name):
    return name.split(".")[1] if "." in name else None


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        relative = path.relative_to(ROOT)
        own = relative.parts[0].removesuffix(".py")
        if own not in ("__init__", "testing", "__main__"):
            yield path, own


def test_every_module_has_a_place():
    assert {own for _, own in modules()} == set(ORDER)


def test_imports_run_one_way():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, own in modules()
        for name in imports(path)
        if name.startswith("electrode.") and layer(name) in ORDER and ORDER.index(layer(name)) > ORDER.index(own)
    ]
    assert not wrong


def test_physics_and_data_need_no_torch():
    loads_torch = {"torch", "electrode.state", "electrode.bridge", "electrode.nn", "electrode.models", "electrode.thermo"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, own in modules()
        if own in TORCH_FREE
        for name in imports(path)
        if any(name == bad or name.startswith(bad + ".") for bad in loads_torch)
    ]
    assert not wrong


def test_files_and_functions_are_short():
    long = []
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 250:
            long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno - node.lineno > 70:
                long.append(f"{path.relative_to(ROOT)}: {node.name} has {node.end_lineno - node.lineno} lines")
    assert not long
