"""Classical electrochemistry in numpy and numba: electrostatics, charge equilibration, double layers, symmetry functions.

    from electrode.physics import equilibrate, electrostatics_of, GouyChapman      # any name of `__all__`

What to take, by the question:

    energy and forces of given charges      electrostatics_of: bulk, slab or open space;  slab_energy: a charged slab with its counter-charge
    charges at potentials, one structure    equilibrate_charges: electrodes, groups, frozen charges, any `ChargeModel`
    the same along a trajectory             MovingCharges where all atoms move, ConstantPotential where electrodes stand still
    baseline of an interface, E(Q)          equilibrate
    double layer against potential          Helmholtz, GouyChapman, GouyChapmanStern, Bikerman, DiffuseLayer; profiles and slits: double_layer.solve

Sums over pairs are dense for few charges and on a particle mesh for many.  The rule, from measured times on one core (the numbers are the
constants named beside them; every function takes `method` to overrule it):

    electrostatics_of      exact dense sum up to 40 atoms in a bulk, 28 in a slab, any number in open space (`choice.DENSE`); then a
                           mesh, N log N, to `accuracy` [eV/A]
    slab_energy, coulomb   always dense and exact; coulomb holds N x N x 3 derivatives: up to some thousand charges
    equilibrate_charges    always exact sums: factorised matrix up to 4000 free charges (`charges.FACTORISED_UP_TO`), conjugate gradients
                           with the matrix up to 16000 atoms (`charges.MATRIX_UP_TO`, 2 GB), without it beyond
    MovingCharges          dense up to 30 atoms (`moving_charges.DENSE_UP_TO`) and in open space; then a mesh to `accuracy` with conjugate
                           gradients from the last steps' charges
    ConstantPotential      always a mesh to `accuracy`; the electrodes' matrix is exact and inverted once up to 6000 electrode charges
                           (`constant_potential.INVERTED`), conjugate gradients on the mesh beyond

Strain derivatives: of bulk in all components, of slabs along the surface at fixed heights (xx, yy, xy of a and b), by `electrostatics_of(...,
strain=True)` and `slab_energy`.  Not defined: across a slab (its vacuum has no length), and in open space.
"""

from importlib import import_module

_MODULES = {
    "capacitance": ("CapacitorFit", "Estimate", "electrode_charge", "fit_capacitor", "fluctuation_capacitance", "potential_drop"),
    "charge_constraints": ("Constraints", "Electrode", "Frozen", "Group"),
    "charge_interactions": ("Bulk", "Planar"),
    "charge_model": ("ChargeModel",),
    "charge_parameters": ("EEQ", "ParameterSet", "QEQ", "QEQ_SLATER"),
    "charged_slab": ("SlabEnergy", "planar_potential", "slab_energy"),
    "charges": ("Charges", "equilibrate_charges"),
    "choice": ("electrostatics_of",),
    "constant_potential": ("ConstantPotential",),
    "continuum_countercharge": ("ContinuumLayer",),
    "coordination": ("Coordination",),
    "decay_functions": ("DecayFunctions",),
    "double_layer": (
        "Bikerman", "Booth", "Constant", "DiffuseLayer", "DoubleLayer", "Electrolyte", "GouyChapman", "GouyChapmanStern", "Grahame", "Helmholtz",
        "Ion", "Plate", "Stern", "microfarad_per_cm2",
    ),
    "electrode_solver": ("ElectrodeSolver",),
    "electrostatics": ("Coulomb", "coulomb"),
    "equilibration": ("Equilibration", "equilibrate"),
    "ewald_sum": ("Ewald", "ewald"),
    "mesh": ("Mesh", "choose", "slab_cell"),
    "mesh_operator": ("MeshOperator",),
    "moving_charges": ("MovingCharges",),
    "power_spectrum": ("PowerSpectrum",),
    "slab_countercharge": ("GaussianSheet", "JelliumSlab", "NoCountercharge", "Sheet"),
    "slater": ("Slater",),
    "symmetry_functions": ("SymmetryFunctions",),
}  # fmt: skip
_PUBLIC = {name: f"electrode.physics.{module}" for module, names in _MODULES.items() for name in names}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'electrode.physics' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__():
    return __all__
