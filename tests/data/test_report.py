"""The report on any frames, and how it counts and sorts."""

import json
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_carriers import frame
from test_findings import CHARGES, state

from electrode.data.doctor import diagnose, to_json
from electrode.data.problems import Problem
from electrode.data.report import contents, examine, grouped, lines


def smaller(f):
    """The frame in a cell of 12 A, where neighbours are quickly found."""
    atoms = f.atoms
    atoms.set_cell([12.0, 12.0, 12.0])
    atoms.positions *= 1e-5
    return replace(f, geometry=atoms)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(frames=st.lists(frame(), min_size=1, max_size=4))
def test_any_record_can_be_examined(frames):
    frames = [smaller(f) for f in frames]
    report = examine({"a": frames, "b": frames[:1]}, ["something"])
    assert json.loads(json.dumps(report.to_json(), allow_nan=False))["errors"] == report.errors
    assert f"frames: {len(frames) + 1}" in "\n".join(lines(report)) and "V25" in {p.rule for p in report.problems}
    json.dumps(to_json(diagnose(frames)), allow_nan=False)


def test_numbers_that_are_not_finite_are_reported_and_spoil_nothing():
    good = [state(q) for q in CHARGES]
    bad = [replace(state(0.1), energy=float("nan")), replace(state(0.2), mu=float("inf")), replace(state(0.3), forces=np.full((2, 3), np.nan))]
    lost = state(0.3, (0.0, 0.0, np.nan))
    report = examine({"a": [*good, *bad, lost]})
    assert sum(p.rule == "V2" for p in report.problems) >= 4 and len(report.states) == len(good) + 2  # two have no finite mu
    assert json.dumps(report.to_json(), allow_nan=False)


def test_problems_of_one_kind_are_counted_together():
    frames = [state(q, method_id=None, where=f"a {k}") for k, q in enumerate(CHARGES)]
    ((first, count),) = grouped(examine({"a": frames}).problems)
    assert count == 5 and first.rule == "V17" and "and 4 more like it" in "\n".join(lines(examine({"a": frames})))
    mixed = [replace(f, forces=np.array([[0.0] * 3] * 2)) if k else f for k, f in enumerate(frames)]
    assert [p.severity for p, _ in grouped(examine({"a": mixed}).problems)][0] == "error"


def test_a_kind_is_one_whatever_numbers_its_advice_names():
    hartree = [Problem("error", f"f{k}", f"eir_mu = {mu} eV looks like hartree", f"multiply by 27.2114, which gives {27.2114 * mu:.3f} eV", "V5") for k, mu in enumerate((-0.18, -0.2))]
    assert [(p.where, count) for p, count in grouped(hartree)] == [("f0", 2)]


def test_contents():
    found = contents([state(q, trajectory=f"t{k % 2}") for k, q in enumerate(CHARGES)])
    assert found["frames"] == 5 and found["geometries"] == 1 and found["trajectories"] == 2 and found["labels"]["forces"] == 5
    assert found["potential/(V absolute)"] == (4.1, 5.1) and found["excess electrons/e"] == (-0.4, 0.4) and found["field/(V/A)"] is None
