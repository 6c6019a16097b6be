"""Comparison of what was computed with what a case expects."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_DEFAULT = 1e-6


class CaseError(Exception):
    """A case that is not of the format, or asks for what the package does not do."""


class Checks:
    """Errors over tolerances, collected quantity by quantity.

    Parameters
    ----------
    tolerance : of the case: `KIND_abs`, `KIND_rel`, `KIND`, or `rel` for everything
    """

    def __init__(self, tolerance: Mapping[str, float]):
        self.tolerance = dict(tolerance)
        self.rows: list[tuple[float, str, float, float]] = []
        self.passed_over: list[str] = []

    def compare(self, label: str, kind: str, got, expected) -> None:
        """Compare numbers of any shape; the tolerance is that of the kind (energy, forces, charges ...)."""
        got, expected = np.asarray(got, float), np.asarray(expected, float)
        if got.shape != expected.shape:
            raise CaseError(f"{label}: expected numbers of shape {expected.shape}, got {got.shape}")
        limit, relative = self._limit(kind)
        error = np.abs(got - expected)
        if relative:
            error = error / np.maximum(np.abs(expected), 1e-12 * max(np.abs(expected).max(initial=0.0), 1e-300))
        worst = float(error.max(initial=0.0)) if np.isfinite(got).all() else np.inf
        self.rows.append((worst / limit if limit else worst and np.inf, label, worst, limit))

    def compare_known(self, computed: Mapping, expected: Mapping, where: str = "", skip=()) -> None:
        """Compare each entry of `expected` for which `computed` holds (kind, number), and note the others."""
        for key, value in expected.items():
            if key in computed and value is not None:
                kind, got = computed[key]
                self.compare(where + key, kind, got() if callable(got) else got, value)
            elif value is not None and key not in skip:
                self.passed_over.append(key)

    def verdict(self) -> tuple[str | None, str]:
        """Return the reason of failure, None for a pass, and a note."""
        left = f"; not compared: {', '.join(dict.fromkeys(self.passed_over))}" if self.passed_over else ""
        if not self.rows:
            return "nothing to compare was expected", left
        ratio, label, error, limit = max(self.rows)
        text = f"{label} is off by {error:.2e}, tolerance {limit:.1e}"
        return (text, left) if ratio > 1.0 else (None, f" ({text}{left})")

    def _limit(self, kind: str) -> tuple[float, bool]:
        for key, relative in ((f"{kind}_abs", False), (f"{kind}_rel", True), (kind, False), ("abs", False), ("rel", True)):
            if key in self.tolerance:
                return float(self.tolerance[key]), relative
        return _DEFAULT, False


def per_atom(values, symbols) -> np.ndarray:
    """Return one number for each atom from a number, a list or a mapping by element."""
    if isinstance(values, Mapping):
        return np.array([values[s] for s in symbols], float)
    return np.broadcast_to(np.asarray(values, float), (len(symbols),)).copy()
