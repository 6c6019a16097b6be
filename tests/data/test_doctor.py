"""The doctor's verdicts on series that are sound, and on each thing that is wrong with them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from test_findings import CHARGES, scattered, state

from electrode.data.doctor import Tolerance, diagnose, to_json, worst

AREA, CAPACITANCE = 9.0, 0.8


def verdict(frames, word, **options):
    """The verdict of the check whose name holds a word."""
    (found,) = [v for v in diagnose(frames, **options) if word in v.check]
    assert found.mend or found.verdict in ("ok", "skip")
    return found


def series(**changes):
    return [state(q, **changes) for q in CHARGES]


def test_a_sound_series():
    frames = [replace(f, atomic_charges=np.array([0.8 * f.charge, 0.2 * f.charge])) for f in series()]
    found = diagnose(frames)
    assert worst(found) == "ok" and json.loads(json.dumps(to_json(found)))["verdict"] == "ok"
    assert {v.check: v.verdict for v in found}["mu at its target"] == "skip"
    assert "80 % of an added charge" in verdict(frames, "electrode").what
    assert f"median {CAPACITANCE / AREA * 1602.18:.3g}" in verdict(frames, "capacitance").what


def test_without_a_series_it_says_what_is_missing():
    found = diagnose([state(0.0)])
    assert worst(found) == "ok" and [v.verdict for v in found].count("skip") == 6
    assert worst([v for v in found if v.verdict == "skip"]) == "skip"


def test_frames_that_are_not_converged():
    assert verdict([*series(), state(0.5, scf_converged=False)], "converged").verdict == "fail"
    assert verdict([*series(), state(0.5, scf_converged=None)], "converged").verdict == "skip"


def test_potential_that_falls_with_charge():
    frames = series()
    frames[3] = replace(frames[3], mu=frames[2].mu + 0.02)
    found = verdict(frames, "rises")
    assert found.verdict == "fail" and "1 of 4 steps" in found.what


def test_noise_above_the_tolerance():
    assert verdict(scattered(0.03), "noise").verdict == "fail"
    assert verdict(scattered(0.03), "noise", tolerance=Tolerance(energy=0.1)).verdict == "ok"
    assert verdict(scattered(1e-5), "noise").verdict == "ok"
    noisy = scattered(1e-5)
    assert verdict([replace(noisy[0], energy=noisy[0].energy + 0.01), *noisy[1:]], "noise").verdict == "warn"


def test_energies_of_another_kind_are_no_noise():
    found = verdict([replace(f, energy=f.grand_energy) for f in series()], "noise")
    assert found.verdict == "fail" and "no noise" in found.mend


def test_capacitances_that_are_none_and_outliers():
    assert verdict(series(sides=2), "capacitance").what.startswith(f"median {CAPACITANCE / AREA * 1602.18 / 2:.3g}")
    steep = [replace(f, mu=f.mu * 500.0, mu_zero="unknown") for f in series()]
    assert verdict(steep, "capacitance").verdict == "fail"
    frames = series()
    frames[1] = replace(frames[1], mu=frames[0].mu - 0.02)
    assert verdict(frames, "capacitance").verdict == "warn"
    assert verdict(series(normal=None), "capacitance").verdict == "skip"


def test_electrons_that_leak():
    flat = sorted(series(), key=lambda f: f.n_excess)
    flat[-1] = replace(flat[-1], mu=flat[-2].mu + 0.05)
    assert verdict(flat, "stay").verdict == "warn"
    assert verdict([replace(f, mu=f.mu + 3.4) for f in series()], "stay").verdict == "fail"


def test_targets():
    aimed = lambda mu, n, **more: state(0.0, mu=mu, n_excess=n, ensemble="fixed_mu", mu_target=-4.5, mu_tol=0.01, trajectory="run", **more)
    assert verdict([aimed(-4.9, 0.0), aimed(-4.6, 0.1), aimed(-4.505, 0.2)], "target").verdict == "ok"  # the last step counts
    found = verdict([aimed(-4.9, 0.1), aimed(-4.9, 0.1)], "target")
    assert found.verdict == "fail" and "never changed" in found.mend
    runs = [replace(aimed(mu, n), trajectory=f"run {mu}") for mu, n in ((-4.505, 0.1), (-4.5, 0.2), (-4.6, 0.3))]
    assert verdict(runs, "target").verdict == "warn"


@pytest.mark.parametrize("share, total, expected", [(0.8, 1.0, "ok"), (0.2, 1.0, "warn"), (0.8, 0.7, "fail"), (-0.8, -1.0, "fail")])
def test_where_the_charge_sits(share, total, expected):
    frames = [replace(f, atomic_charges=f.charge * np.array([share, total - share])) for f in series()]
    assert verdict(frames, "electrode").verdict == expected
