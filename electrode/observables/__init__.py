"""What experiments measure, from trajectories and responses: spectra, permittivities, loops, capacitances, profiles."""

from electrode.observables.capacitance import CapacitanceCurve, capacitance_curve
from electrode.observables.dielectric import FieldResponse, permittivity_from_field, permittivity_from_fluctuation
from electrode.observables.hysteresis import Loop, cycle, hysteresis_loop
from electrode.observables.infrared import Spectrum, dipole_velocities, infrared
from electrode.observables.profiles import Profile, density_profile, water_profile

__all__ = [
    "CapacitanceCurve", "FieldResponse", "Loop", "Profile", "Spectrum", "capacitance_curve", "cycle", "density_profile", "dipole_velocities",
    "hysteresis_loop", "infrared", "permittivity_from_field", "permittivity_from_fluctuation", "water_profile",
]  # fmt: skip
