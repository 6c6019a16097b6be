"""Dynamics, Monte Carlo and path integrals at constant charge, potential or field, what their averages say, and other programs as drivers."""

from electrode.simulate.dynamics import ElectrodeDynamics
from electrode.simulate.fluctuating import ExtendedCharge, Thermopotentiostat
from electrode.simulate.held import BornOppenheimer, ConstantCharge, ConstantField
from electrode.simulate.limits import DynamicsStopped, Limits
from electrode.simulate.recorder import ChargeRecorder
from electrode.simulate.thermostats import ChargeLangevin, ChargeNoseHoover

__all__ = [
    "BornOppenheimer", "ChargeLangevin", "ChargeNoseHoover", "ChargeRecorder", "ConstantCharge", "ConstantField", "DynamicsStopped",
    "ElectrodeDynamics", "ExtendedCharge", "Limits", "Thermopotentiostat",
]  # fmt: skip
