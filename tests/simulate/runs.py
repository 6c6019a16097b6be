"""Short runs of a toy in every mode."""

import numpy as np
from ase import units
from ase.md.bussi import Bussi
from ase.md.langevin import Langevin
from ase.md.langevinbaoab import LangevinBAOAB
from ase.md.nose_hoover_chain import NoseHooverChainNVT
from ase.md.verlet import VelocityVerlet
from toys import ChargeToy, FieldToy, ToyConfig, one_atom

from electrode import ElectrodeCalculator
from electrode.simulate import (
    BornOppenheimer, ChargeLangevin, ChargeNoseHoover, ConstantCharge, ConstantField, ElectrodeDynamics, ExtendedCharge, Thermopotentiostat,
)  # fmt: skip

T, DT = 300.0, 0.5
CHARGE, POTENTIAL = {"charge": 0.1}, {"potential": 0.2, "reference": "SHE"}
MODES = {
    "constant-charge": (ConstantCharge(), CHARGE), "born-oppenheimer": (BornOppenheimer(), POTENTIAL),
    "extended": (ExtendedCharge(ChargeLangevin(T), period=100.0), POTENTIAL), "extended-chain": (ExtendedCharge(ChargeNoseHoover(T), period=100.0), POTENTIAL),
    "extended-alone": (ExtendedCharge(None, period=100.0, charge=0.3), POTENTIAL), "thermopotentiostat": (Thermopotentiostat(T), POTENTIAL),
    "field": (ConstantField(), {**CHARGE, "field": (0.0, 0.0, 0.05)}), "field-potential": (ConstantField(), {**POTENTIAL, "field": (0.0, 0.0, 0.05)}),
}  # fmt: skip
NUCLEI = {
    "verlet": lambda atoms, dt: VelocityVerlet(atoms, dt),
    "langevin": lambda atoms, dt: Langevin(atoms, dt, temperature_K=T, friction=0.01 / units.fs, rng=np.random.default_rng(3), fixcm=False),
    "chain": lambda atoms, dt: NoseHooverChainNVT(atoms, dt, temperature_K=T, tdamp=30 * units.fs),
}

OTHER_NUCLEI = {
    "baoab": lambda atoms, dt: LangevinBAOAB(atoms, dt, temperature_K=T, T_tau=50 * units.fs, rng=np.random.default_rng(3)),
    "bussi": lambda atoms, dt: Bussi(atoms, dt, T, 50 * units.fs, rng=np.random.RandomState(3)),
}


def toy_of(name):
    return FieldToy() if name.startswith("field") else ChargeToy(ToyConfig(quartic=0.1, spread=0.1))


def dynamics(name, nuclei="verlet", *, model=None, held=None, mode=None, dt=DT, seed=5, **settings):
    """A dynamics of the one-atom toy in the mode of that name."""
    atoms = one_atom()
    atoms.set_momenta(np.sqrt(units.kB * T) * np.random.default_rng(1).normal(size=(1, 3)))
    atoms.calc = ElectrodeCalculator(model or toy_of(name), **(held or MODES[name][1]))
    return ElectrodeDynamics({**NUCLEI, **OTHER_NUCLEI}[nuclei](atoms, dt * units.fs), mode or MODES[name][0], seed=seed, **settings)
