"""The infrared spectrum of a trajectory from how its dipole changes.

    alpha(w) n(w) = 1/(6 c eps0 V kT) int <Mdot(0).Mdot(t)> e^(-iwt) dt,      int_0^inf alpha n dw = pi <Mdot.Mdot>/(6 c eps0 V kT)

Mdot is the derivative of the dipole M, or sum_i Z_i v_i with polar tensors Z and velocities v, which needs no branch of M.  Electrons and
nuclei are classical, so that a harmonic mode has its classical strength, <Mdot.Mdot> = kT sum_i |Z_i|^2/m_i; the factor that
quantum harmonic modes would want is one in this form.
McQuarrie, Statistical Mechanics (1976), chapter 21 (absorption from the correlation function).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.units import BOLTZMANN, EPSILON_0

LIGHT = 2997.92458  # speed of light [A/fs]
PER_CM = 1e8  # 1/A in 1/cm


@dataclass(frozen=True)
class Spectrum:
    """Absorption against wave number.

    Parameters
    ----------
    wavenumbers : (K,) [1/cm], from 0;  absorption : (K,) alpha n [1/cm]
    """

    wavenumbers: np.ndarray
    absorption: np.ndarray

    @property
    def strength(self) -> float:
        """int alpha n d(nu) over all wave numbers [1/cm^2]."""
        return float(np.trapezoid(self.absorption, self.wavenumbers))


def dipole_velocities(born_charges: np.ndarray, velocities: np.ndarray) -> np.ndarray:
    """Return Mdot (T, 3) [e A/fs] = sum_i Z_i v_i.

    Parameters
    ----------
    born_charges : (T, N, 3, 3) [e], polarisation before displacement, or (N, 3, 3) for all steps
    velocities : (T, N, 3) [A/fs]

    Raises
    ------
    ValueError
        for shapes that do not match.
    """
    z, v = np.asarray(born_charges, float), np.asarray(velocities, float)
    if v.ndim != 3 or v.shape[2] != 3 or z.shape not in ((v.shape[1], 3, 3), (*v.shape[:2], 3, 3)):
        raise ValueError(f"dipole_velocities: expected velocities (T, N, 3) and polar tensors (T, N, 3, 3) or (N, 3, 3), got {v.shape} and {z.shape}")
    return np.einsum("...nab,...nb->...a", z, v)


def infrared(
    step: float,
    volume: float,
    temperature: float,
    *,
    dipoles: np.ndarray | None = None,
    dipole_velocities: np.ndarray | None = None,
    resolution: float | None = None,
) -> Spectrum:
    """Return the spectrum of a trajectory.

    Parameters
    ----------
    step : time between two frames [fs];  volume : of the cell [A^3];  temperature : [K]
    dipoles : (T, 3) [e A], of one branch, differentiated centrally with the factor that a central difference takes from each frequency
        put back; or `dipole_velocities` (T, 3) [e A/fs]
    resolution : width (FWHM) of a Gaussian that lines are widened by [1/cm], None for none

    Raises
    ------
    ValueError
        unless one of both series is given, with at least four frames, and step, volume and temperature are positive.
    """
    if (dipoles is None) == (dipole_velocities is None):
        raise ValueError("infrared: expected either dipoles or dipole_velocities, got both or neither")
    series = np.asarray(dipoles if dipole_velocities is None else dipole_velocities, float)
    if series.ndim != 2 or series.shape[1] != 3 or len(series) < 4 or not np.isfinite(series).all():
        raise ValueError(f"infrared: expected at least 4 finite vectors (T, 3), got shape {series.shape}, or NaN")
    if not min(step, volume, temperature) > 0.0 or (resolution is not None and not resolution > 0.0):
        raise ValueError(f"infrared: expected positive step, volume, temperature and resolution, got {step}, {volume}, {temperature}, {resolution}")
    frequency, power = _power(series, step, dipoles is not None)
    alpha = power / (6.0 * LIGHT * EPSILON_0 * volume * BOLTZMANN * temperature)
    wave = frequency / LIGHT * PER_CM
    alpha = alpha * PER_CM
    return Spectrum(wave, alpha if resolution is None else _widened(wave, alpha, resolution))


def _power(series: np.ndarray, step: float, differentiate: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies f (K,) [1/fs] and int <Mdot(0).Mdot(t)> e^(-2 pi i f t) dt (K,) [e^2 A^2/fs]."""
    if differentiate:
        series = (series[2:] - series[:-2]) / (2.0 * step)
    frequency = np.fft.rfftfreq(len(series), step)
    power = (np.abs(np.fft.rfft(series, axis=0)) ** 2).sum(1) * step / len(series)
    if differentiate:  # a central difference takes w to sin(w dt)/dt; beyond a quarter of the sampling rate it is past its top
        x = 2.0 * np.pi * frequency * step
        kept = x < 0.5 * np.pi
        power = np.where(kept, power / np.where(kept, np.sinc(x / np.pi), 1.0) ** 2, 0.0)
    return frequency, power


def _widened(wave: np.ndarray, alpha: np.ndarray, width: float) -> np.ndarray:
    """Return the absorption widened by a Gaussian of full width at half maximum `width`, the strength kept."""
    spacing, sigma = wave[1] - wave[0], width / np.sqrt(8.0 * np.log(2.0))
    reach = int(np.ceil(5.0 * sigma / spacing))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * spacing / sigma) ** 2)
    mirrored = np.concatenate([alpha[reach:0:-1], alpha, alpha[-2 : -reach - 2 : -1]]) if 0 < reach < len(alpha) - 1 else np.pad(alpha, reach)
    return np.convolve(mirrored, kernel / kernel.sum(), "valid")
