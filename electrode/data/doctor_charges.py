"""Where added electrons go: out of the electrode into vacuum or solvent, or onto atoms that should not have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from electrode.data.pairs import same_geometry
from electrode.data.record import CONVERTIBLE_ZEROS, ElectrifiedFrame
from electrode.metals import ELECTRODE_ELEMENTS

LEAK = 2.0  # growth of the capacitance towards more electrons that a filled state of the vacuum makes
UNBOUND = -1.5  # mu above which electrons find states in the vacuum or the solvent [eV]
SUM_ERROR = 0.05  # of atomic charges against the charge of the cell [e]
ON_ELECTRODE = 0.5  # least share of an added charge on the electrode
_SWING = 0.05  # least change of the charge of the cell that its atoms are asked about [e]


@dataclass(frozen=True)
class Verdict:
    """The answer of one check.

    Parameters
    ----------
    check : its name
    verdict : ok, warn, fail or skip
    what : what was seen
    mend : what to do, empty where nothing is to be done
    """

    check: str
    verdict: str
    what: str
    mend: str = ""


def electrons_that_leak(series: Sequence[Sequence[ElectrifiedFrame]]) -> Verdict:
    """Say whether electrons leave the electrode for the vacuum or the solvent as more are added.

    Two signs: mu so high that a free electron is bound less, and mu(n) that stops rising at the most negative charge,
    where added electrons fill a state outside the metal (dn/dmu there more than twice the median of the other steps).
    """
    if not series:
        return Verdict("electrons stay", "skip", "no geometry has two charges", "compute one geometry at three to five charges")
    high = [f for g in series for f in g if f.mu_zero in CONVERTIBLE_ZEROS and f.mu > UNBOUND]
    flat = [g for g in series if len(g) >= 4 and _flattens(g)]
    mend = "discard these frames, or take fewer electrons or a thicker layer of solvent; look where the highest occupied states lie"
    if high:
        top = max(high, key=lambda f: f.mu)
        return Verdict("electrons stay", "fail", f"mu lies above {UNBOUND:g} eV in {len(high)} frames, up to {top.mu:.2f} at n = {top.n_excess:g} ({top.where}): the electrons are hardly bound", mend)
    if flat:
        return Verdict("electrons stay", "warn", f"mu stops rising at the most electrons in {len(flat)} of {len(series)} geometries, {flat[0][-1].where} first", mend)
    return Verdict("electrons stay", "ok", f"no sign of a leak in {len(series)} geometries")


def atoms_that_charge(frames: Sequence[ElectrifiedFrame]) -> Verdict:
    """Say whether atomic charges add up to the charge of the cell, and whether an added charge goes to the electrode."""
    known = [f for f in frames if f.atomic_charges is not None and f.n_excess is not None]
    if not known:
        return Verdict("charge sits on the electrode", "skip", "no atomic charges", "write REF_charges (Bader, Hirshfeld ...)")
    gap = np.array([f.atomic_charges.sum() - f.charge for f in known])
    if np.abs(gap).max() > SUM_ERROR:
        worst = known[int(np.abs(gap).argmax())]
        what = f"atomic charges add up to {gap[np.abs(gap).argmax()]:+.3g} e more than the charge of the cell ({worst.where})"
        return Verdict("charge sits on the electrode", "fail", what, "electrons outside all atoms are a leak; opposite signs are a convention: charges are positive where electrons lack")
    shares = [s for g in same_geometry(known) if (s := _share(g)) is not None]
    if not shares:
        return Verdict("charge sits on the electrode", "skip", "atomic charges add up; no geometry has two charges and an electrode", "")
    what = f"{100 * np.median(shares):.0f} % of an added charge goes to the electrode in the median, {100 * min(shares):.0f} % at least, of {len(shares)} geometries"
    if np.median(shares) < ON_ELECTRODE:
        return Verdict("charge sits on the electrode", "warn", what, "look which atoms take it: an ion or a molecule that is reduced is another state, not a charged interface")
    return Verdict("charge sits on the electrode", "ok", what)


def _flattens(group: Sequence[ElectrifiedFrame]) -> bool:
    n, mu = np.array([f.n_excess for f in group]), np.array([f.mu for f in group])
    slope = np.diff(mu) / np.diff(n)
    return bool(slope[-1] < np.median(slope[:-1]) / LEAK)


def _share(group: list[ElectrifiedFrame]) -> float | None:
    """Return the share of an added charge that the electrode takes, from the two outer charges of one geometry."""
    low, high = min(group, key=lambda f: f.charge), max(group, key=lambda f: f.charge)
    metal = np.isin(low.geometry.numbers, list(ELECTRODE_ELEMENTS)) if low.region is None else low.region == 0
    swing = high.charge - low.charge
    if swing < _SWING or not metal.any() or metal.all():
        return None
    return float((high.atomic_charges - low.atomic_charges)[metal].sum() / swing)
