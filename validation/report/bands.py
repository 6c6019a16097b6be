"""The bands that the report's slider runs over: rows of `electrode neb --json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

BANDS = Path(__file__).with_name("barriers.json")
COMMAND = "electrode neb volmer-initial volmer-final --model au111-h3o --potential -0.6 -0.5 -0.4 -0.3 -0.2 -0.1 0.0 --reference SHE --json validation/report/barriers.json"
STEP = (
    "H<sub>3</sub>O<sup>+</sup> + e<sup>&minus;</sup> &rarr; H* + H<sub>2</sub>O on Au(111), bands relaxed with the shipped model <code>au111-h3o</code> at the potentials "
    "of the slider."
)


@dataclass(frozen=True)
class Bands:
    """Bands at several potentials.

    Parameters
    ----------
    rows : what the page shows of each, in ascending order of the potential
    said : what they are, HTML
    command : what made them, None where that is not known
    """

    rows: tuple[dict, ...]
    said: str
    command: str | None


def read_bands(path: str | Path = BANDS) -> Bands:
    """Return the converged bands at held potentials; of other files than the project's own only the name is known.

    Raises
    ------
    ValueError
        for a file that is not of `electrode neb --json`, or fewer than two converged bands.
    """
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
        bands = sorted((_shown(r) for r in rows if r["converged"] and r["held"] == "potential"), key=lambda b: b["potential"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected what `electrode neb --json` writes ({type(error).__name__}: {error})") from error
    if len(bands) < 2:
        raise ValueError(f"{path}: expected at least two converged bands at held potentials, got {len(bands)}")
    if Path(path).resolve() == BANDS:
        return Bands(tuple(bands), STEP, COMMAND)
    return Bands(tuple(bands), f"The bands of <code>{escape(Path(path).name)}</code>.", None)


def band_table(bands: Sequence[dict]) -> list[tuple[str, ...]]:
    """Return heads and rows of the figures, for those who do not see the drawing."""
    heads = (f"potential / V ({bands[0]['scale']})", "barrier / eV", "reverse / eV", "reaction / eV", "charge of the first image / e", "charge of the saddle / e", "slope / (eV/V)")
    return [heads, *(tuple(f"{x:.3f}" for x in (b["potential"], b["barrier"], b["reverse"], b["reaction"], b["charge"][0], b["charge"][b["saddle"]], b["slope"])) for b in bands)]


def _shown(row: dict) -> dict:
    profile, saddle = row["profile_eV"], row["transition_state"]
    return {
        "potential": row["potential_V"], "scale": row["reference"].split()[0], "reference": row["reference"], "barrier": row["barrier_eV"],
        "spread": row["barrier_std_eV"], "reverse": row["reverse_barrier_eV"], "reaction": row["reaction_energy_eV"], "profile": profile,
        "charge": row["charge_e"], "saddle": saddle, "slope": row["charge_e"][0] - row["charge_e"][saddle],
    }  # fmt: skip
