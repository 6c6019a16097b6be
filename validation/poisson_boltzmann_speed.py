"""Time and error of the planar Poisson-Boltzmann solver.

`python -m validation poisson_boltzmann_speed` prints CPU milliseconds of one solution, the median of repeats on one core, and the error:
of point ions the largest difference of the profile from Gouy and Chapman's closed form [V], otherwise that of the electrode's
potential at the charge found from the one it was solved at [V], by the first integral.  Targets: 50 ms and 1e-8 V.  A published solver of the
Poisson-Nernst-Planck equations, matscipy's, took 13.8 s for an error of 1.6e-5 V on such a machine.
"""

from __future__ import annotations

import time

import numpy as np

from electrode.physics.double_layer import Bikerman, Booth, DiffuseLayer, Electrolyte, GouyChapman, Helmholtz, Ion, Plate, Stern, solve

SECONDS, ERROR = 0.05, 1e-8
REPEATS = 15
DILUTE, CROWDED = Electrolyte.symmetric(0.001), Electrolyte.symmetric(1.0, diameter=6.0)
UNEQUAL = Electrolyte((Ion(2, 0.1, 4.0), Ion(-1, 0.2, 6.0)), permittivity=Booth(), solvent_diameter=3.1)
CASES = [  # what, electrolyte, potential [V], Stern layer, closed form or first integral
    ("points 1:1, 0.1 M, 0.1 V", Electrolyte.symmetric(0.1), 0.1, None, GouyChapman),
    ("points 1:1, 0.1 M, -0.5 V", Electrolyte.symmetric(0.1), -0.5, None, GouyChapman),
    ("points 1:1, 1 mM, 0.5 V", DILUTE, 0.5, None, GouyChapman),
    ("ions of 6 A, 1 M, 0.7 V", CROWDED, 0.7, None, Bikerman),
    ("2:1, unequal, Booth, 0.5 V", UNEQUAL, 0.5, None, DiffuseLayer),
    ("the same, Stern layer, 0.8 V", UNEQUAL, 0.8, Helmholtz(3.0, 6.0), DiffuseLayer),
]


def error_of(solution, electrolyte: Electrolyte, potential: float, stern, exact) -> float:
    """Return the error of a solution [V], see the module."""
    if exact is GouyChapman:
        x = np.concatenate([[0.0], np.geomspace(1e-4, 30.0, 1000) * electrolyte.debye_length])
        return float(np.abs(solution.potential(x) - GouyChapman(electrolyte).profile(x, potential)).max())
    layer = exact(electrolyte) if stern is None else Stern(stern, exact(electrolyte))
    return abs(float(layer.potential(solution.charges[0])) - potential)


def main(argv: list[str]) -> int:
    """Print the table; 0 if every error meets its target, whatever the times, 1 otherwise."""
    if argv:
        raise ValueError(f"poisson_boltzmann_speed: expected no arguments, got {argv}")
    print(f"{'case':30s} {'CPU ms':>8s} {'from':>7s} {'to':>7s} {'target/time':>12s} {'error [V]':>10s} {'nodes':>6s}")
    fast = exact_enough = 0
    for what, electrolyte, potential, stern, exact in CASES:
        plate, times = Plate(potential=potential, stern=stern), []
        solution = solve(electrolyte, plate)
        for _ in range(REPEATS):
            start = time.process_time()
            solve(electrolyte, plate)
            times.append(time.process_time() - start)
        error = error_of(solution, electrolyte, potential, stern, exact)
        fast, exact_enough = fast + (np.median(times) < SECONDS), exact_enough + (error < ERROR)
        ms = 1e3 * np.array(times)
        print(f"{what:30s} {np.median(ms):8.2f} {ms.min():7.2f} {ms.max():7.2f} {1e3 * SECONDS / np.median(ms):12.1f} {error:10.1e} {solution.values.size:6d}", flush=True)
    print(f"of {len(CASES)} cases {fast} take less than {1e3 * SECONDS:.0f} ms, {exact_enough} are exact to {ERROR:.0e} V")
    return int(exact_enough < len(CASES))
