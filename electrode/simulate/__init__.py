"""Dynamics at constant charge, constant potential and in a field, and what its averages say."""

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
