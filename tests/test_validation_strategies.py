"""The strategies' benchmark: its statistics, its errors and its bookkeeping, on results that are made up or tiny."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from electrode.models.schemes import SCHEMES  # noqa: E402
from tests.teacher import frames  # noqa: E402
from tests.toys import ChargeToy, ToyConfig  # noqa: E402
from validation.strategies import command, table  # noqa: E402
from validation.strategies.measure import consistency, solved_for, sums  # noqa: E402
from validation.strategies.paired import error, pooled, verdict  # noqa: E402
from validation.strategies.points import CENTRE, POINTS, Point, chosen  # noqa: E402
from validation.strategies.training import Task  # noqa: E402


def made_up(scale, seed, trajectories=30, each=10):
    rng = np.random.default_rng(seed)
    return {f"t{k}": (float((scale * rng.normal(size=each) ** 2).sum()), each) for k in range(trajectories)}


def test_verdict_sees_a_difference_and_admits_when_there_is_none():
    a, b = made_up(1.0, 0), made_up(4.0, 1)
    assert verdict(a, b).word == "better" and verdict(b, a).word == "worse"
    assert verdict(a, b).ratio == pytest.approx(error(a) / error(b))
    assert verdict(a, made_up(1.02, 2)).word == "undecided"
    few = {k: a[k] for k in list(a)[:4]}
    assert verdict(few, b).word == "undecided"


def test_verdict_is_paired():
    hard = {f"t{k}": 10.0 ** (k % 5) for k in range(20)}  # trajectories differ by far more than the two strategies do
    a, b = {n: (v, 5) for n, v in hard.items()}, {n: (1.1 * v, 5) for n, v in hard.items()}
    assert verdict(a, b).word == "better"


def test_seeds_add_their_squares():
    assert pooled([{"a": [1.0, 2], "b": [9.0, 1]}, {"a": [3.0, 2]}]) == {"a": (4.0, 4)}
    assert error({"a": (4.0, 4), "b": (12.0, 4)}) == pytest.approx(np.sqrt(2.0)) and np.isnan(error({}))


def test_every_point_differs_from_the_centre_and_can_be_built():
    assert len({p.name for p in POINTS}) == len(POINTS) and POINTS[0] is CENTRE
    from electrode.models.base import ModelCard
    from electrode.train.train import new_model

    for point in POINTS:
        if point.missing() is None:
            model = new_model(point.scheme, ModelCard(elements=(1, 8, 79)), point.seeded(1))
            assert (model.config if point.inside is None else getattr(model.config, point.inside)).seed == 1, point.name
        assert point is CENTRE or (point.scheme, point.choices) != (CENTRE.scheme, CENTRE.choices)
    assert Point("x", "y", "no-such-scheme").missing() == "scheme 'no-such-scheme' is not registered"
    with pytest.raises(ValueError, match="expected some of centre"):
        chosen(["middle"])


class Shifted(ChargeToy):
    """An analytic capacitor for any structure, about each system's middle."""

    def describe(self, structure):
        middle = structure.total(structure.positions) / structure.counts[:, None]
        return {"positions": structure.positions - middle[structure.system]}


def test_errors_by_trajectory_are_those_of_the_frames():
    some = [f for f in frames()[0]][:6]
    model = Shifted(ToyConfig(capacitance=0.5))
    found = sums(model, some)
    from electrode.state import Control, Structure
    from electrode.thermo import evaluate

    e = [float(evaluate(model, Structure.from_atoms(f.atoms), Control(charge=[f.charge]))["canonical_energy"]) for f in some]
    assert set(found["energy"]) == {f.trajectory for f in some}
    for name, (square, number) in found["energy"].items():
        own = [1e3 * (e[k] - f.energy) / len(f.geometry) for k, f in enumerate(some) if f.trajectory == name]
        assert number == len(own) and square == pytest.approx(sum(x * x for x in own), rel=1e-6)


def test_frames_without_a_stable_state_are_counted():
    some = list(frames()[0])[:3]
    unstable = Shifted(ToyConfig(stiffness=-1.0))
    assert solved_for(unstable, some) == [None] * 3 and sums(unstable, some)["unstable"] == 3
    assert sums(unstable, some)["charge"] == {} and len(sums(unstable, some)["potential"]) > 0


def test_a_scalar_with_its_derivative_is_consistent():
    assert consistency(Shifted(ToyConfig(quartic=0.3)), list(frames()[0])) < 1e-3


def result(point, scale, seed=0, **changes):
    test = {name: {f"t{k}": [scale * (k + 1.0), 10] for k in range(8)} for name in ("energy", "forces", "potential", "charge")}
    return {
        "data": "teacher", "point": point, "n_train": 30, "seed": seed, "budget": 1.0, "weights": 10, "train_cpu_s": 1.0, "call_ms": 2.0, "consistency_mV": 1e-6, "natural": "charge",
        "tests": {"test": {**test, "unstable": 2}, "above-0.5V": {**test, "unstable": 0}}, **changes,
    }  # fmt: skip


def test_table_compares_with_the_centre(tmp_path, capsys):
    for k, (point, scale) in enumerate((("centre", 1.0), ("dual", 4.0), ("taylor", 0.25), ("where-c", 1.0))):
        (tmp_path / f"{k}.json").write_text(json.dumps(result(point, scale)))
    (tmp_path / "f.json").write_text(json.dumps({"data": "teacher", "point": "delta", "n_train": 30, "seed": 0, "budget": 1.0, "failed": "diverged"}))
    out = tmp_path / "table.md"
    assert command.main(["table", "--results", str(tmp_path), "--plots", str(tmp_path / "plots"), "--output", str(out)]) == 0
    lines = {line.split("|")[2].strip(): line for line in out.read_text().split("### above")[0].splitlines() if line.count("|") > 5}
    assert lines["dual"].count(" - |") == 4 and lines["taylor"].count(" + |") == 4
    assert " + " not in lines["where-c"] and " - " not in lines["where-c"] and "failed: diverged" in lines["delta"]
    assert (tmp_path / "plots" / "extrapolation.png").stat().st_size > 1000
    with pytest.raises(FileExistsError):
        table.write(tmp_path, None, out, False)


def test_what_a_strategy_does_not_answer_is_a_dash(tmp_path, capsys):
    mute = result("separate", 1.0, consistency_mV=None)
    mute["tests"]["test"]["potential"] = {}
    for k, one in enumerate((result("centre", 1.0), mute)):
        (tmp_path / f"{k}.json").write_text(json.dumps(one))
    assert command.main(["table", "--results", str(tmp_path)]) == 0
    first, _, costs = (line for line in capsys.readouterr().out.splitlines() if "separate" in line)
    assert first.split("|")[5].strip() == "-" and costs.split("|")[-2].strip() == "-" and "nan" not in first + costs


def test_no_results_say_how_to_make_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="strategies run"):
        table.read(tmp_path)


def test_what_has_a_result_is_not_trained_again(tmp_path, capsys):
    Task("hydrogen", "taylor", 20, 0, 5.0).file(tmp_path).write_text(json.dumps(result("taylor", 1.0)))
    arguments = command._arguments(["run", "--results", str(tmp_path), "--sets", "hydrogen", "--points", "taylor", "dual", "--train", "20", "--budget", "5"])
    assert [t.point for t in command.tasks(arguments)] == ["dual"]
    assert "1 of 2 trainings have a result" in capsys.readouterr().out
    with pytest.raises(ValueError, match="expected positive --budget"):
        command.main(["run", "--results", str(tmp_path), "--budget", "0"])


def test_a_training_leaves_one_result(tmp_path):
    from validation.strategies.training import run

    before = torch.get_num_threads()
    try:
        run(Task("hydrogen", "where-c", 10, 0, 0.05), tmp_path, tmp_path)
    finally:
        torch.set_num_threads(before)
    found = json.loads((tmp_path / "hydrogen_where-c_10frames_0.05s_seed0.json").read_text())
    assert found["natural"] == "charge" and found["consistency_mV"] < 1.0 and found["train_cpu_s"] < 60
    assert set(found["tests"]["test"]) == {"energy", "forces", "potential", "charge", "unstable"}
    assert SCHEMES[found["scheme"]].trainable
