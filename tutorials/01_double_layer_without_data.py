# %% [markdown]
# # The double layer without data
#
# Before any DFT: what classical electrochemistry says of capacitance, potential profile and charge.  Nothing here is trained, and
# `electrode.physics` needs no torch.  Units are eV, angstrom, e and V; a charge per area is in e/A^2 (1 e/A^2 = 1602 uC/cm^2).

# %%
import matplotlib.pyplot as plt
import numpy as np
from ase.build import fcc111
from ase.data import covalent_radii
from scipy.optimize import brentq
from scipy.stats import norm

from electrode.physics import Bikerman, ChargeModel, Constraints, DiffuseLayer, Electrode, Electrolyte, GouyChapman, GouyChapmanStern, Helmholtz, Stern
from electrode.physics import equilibrate, equilibrate_charges, microfarad_per_cm2
from electrode.physics.charge_interactions import Planar
from electrode.physics.double_layer import Plate, solve
from electrode.units import EPSILON_0, UC_PER_CM2

plt.rcParams.update({"font.size": 9, "xtick.direction": "in", "ytick.direction": "in", "legend.frameon": False, "savefig.dpi": 200})

# %% [markdown]
# ## Gouy-Chapman and Stern
#
# A layer answers charge, potential, differential capacitance and grand energy, each the derivative of the next.  A 0.1 mol/L 1:1 salt
# in water has a Debye length of 9.6 A and 72 uF/cm2 at the potential of zero charge (pzc).  A Helmholtz layer in series, 1/C = 1/C_H + 1/C_GC,
# bounds what Gouy-Chapman lets grow as cosh.

# %%
salt = Electrolyte.symmetric(0.1)
at_zero = microfarad_per_cm2(GouyChapman(salt).differential_capacitance(0.0))
print(f"0.1 mol/L: Debye length {salt.debye_length:.2f} A, Gouy-Chapman capacitance at the pzc {at_zero:.1f} uF/cm2")
assert abs(salt.debye_length - 9.61) < 0.01 and abs(at_zero - 72.2) < 0.1

layer, step = GouyChapmanStern(salt, thickness=3.0, permittivity=6.0), 1e-4
slope = (layer.grand_energy(0.3 - step) - layer.grand_energy(0.3 + step)) / (2.0 * step)
print(f"at +0.3 V: charge {UC_PER_CM2 * layer.charge(0.3):.3f} uC/cm2, -dOmega/dPhi {UC_PER_CM2 * slope:.3f} uC/cm2")
assert abs(slope - layer.charge(0.3)) < 1e-6 * slope

# %% [markdown]
# ## Ions of finite size: from camel to bell
#
# Points crowd without limit.  Ions of diameter a fill space, nu = 2 a^3 n, and the diffuse layer thickens once it is full: the capacitance
# falls as 1/sqrt(Phi) far from the pzc.  Diluted it has a minimum at the pzc between two humps (camel), crowded a maximum (bell); between the two
# nu = 1/3 ([Kornyshev 2007](https://doi.org/10.1021/jp067857o)).

# %%
def curvature(filling):
    """Return d2C/dPhi2 at the pzc of ions that fill this share of space, by differences."""
    crowded = Bikerman(Electrolyte.symmetric(1.0, diameter=(filling / (2.0 * 6.02214076e-4)) ** (1.0 / 3.0)))
    low, middle, high = crowded.differential_capacitance(np.array([-0.002, 0.0, 0.002]))
    return low - 2.0 * middle + high


crossing = brentq(curvature, 0.1, 0.8)
print(f"camel becomes bell at a filling of {crossing:.4f}")
assert abs(crossing - 1.0 / 3.0) < 1e-3

# %%
potentials = np.linspace(-1.0, 1.0, 401)
concentrations = (0.001, 0.01, 0.1, 1.0)
inner = Helmholtz(3.0, 10.0)
figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 2.9), layout="constrained", sharey=True)
for panel, diameter, title in ((left, 0.0, "point ions and a Helmholtz layer"), (right, 9.0, "ions of 9 A and a Helmholtz layer")):
    for concentration, color in zip(concentrations, plt.cm.viridis(np.linspace(0.0, 0.85, 4))):
        diffuse = DiffuseLayer(Electrolyte.symmetric(concentration, diameter=diameter))
        c = microfarad_per_cm2(Stern(inner, diffuse).differential_capacitance(potentials))
        panel.plot(potentials, c, color=color, lw=1.2, label=f"{concentration:g} mol/L")
        humps = int(((c[1:-1] > c[:-2]) & (c[1:-1] > c[2:])).sum())
        print(f"{title}, {concentration:5g} mol/L: C {c[200]:5.1f} at the pzc, {c.max():5.1f} at most, {c[-1]:5.1f} at 1 V, {humps} humps")
    panel.set(xlabel="potential against zero charge / V", title=title)
    panel.title.set_fontsize(9)
    panel.legend(fontsize=7)
left.set_ylabel(r"differential capacitance / $\mu$F cm$^{-2}$")
figure.savefig("capacitance.png")
assert humps == 1  # ions of 9 A at 1 mol/L: a bell

# %% [markdown]
# ## The profile
#
# `solve` gives potential and ion densities at every distance, for any valencies and sizes, against the bulk or in a slit.  For points it must
# reproduce Gouy and Chapman's closed form, absurd as it is at 0.3 V: twelve thousand mol/L at the electrode.  Ions of 6 A stop at a full layer.

# %%
x, potential, sizes = np.linspace(0.0, 40.0, 201), 0.3, (0.0, 6.0)
profiles = [solve(Electrolyte.symmetric(0.1, diameter=d), Plate(potential=potential)) for d in sizes]
closed = GouyChapman(salt).profile(x, potential)
off = np.abs(profiles[0].potential(x) - closed).max()
print(f"points: largest deviation from the closed form {off:.1e} V")
for d, p in zip(sizes, profiles):
    print(f"diameter {d:g} A: charge {UC_PER_CM2 * p.charges[0]:.2f} uC/cm2, counter-ions at the electrode {p.densities(0.0)[1] / 6.02214076e-4:.4g} mol/L")
assert off < 1e-9 and profiles[1].charges[0] < profiles[0].charges[0]

figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 2.9), layout="constrained")
for d, p, color in zip(sizes, profiles, ("C0", "C3")):
    left.plot(x, p.potential(x), color=color, lw=1.2, label=f"diameter {d:g} A" if d else "points")
    for densities, style in zip(p.densities(x), ("--", "-")):
        right.semilogy(x, densities / 6.02214076e-4, style, color=color, lw=1.2)
left.plot(x[::12], closed[::12], "k.", ms=4, label="closed form, points")
left.set(xlabel="distance from the electrode / $\\mathrm{\\AA}$", ylabel="potential against bulk / V")
right.set(xlabel="distance from the electrode / $\\mathrm{\\AA}$", ylabel="concentration / mol L$^{-1}$", ylim=(1e-6, 3e4))
right.text(14.0, 1.0, "anions", fontsize=8)
right.text(14.0, 3e-4, "cations", fontsize=8)
left.legend(fontsize=7)
figure.savefig("profile.png")

# %% [markdown]
# ## Reading a measurement: Parsons and Zobel
#
# On a real, slightly rough electrode without adsorption, capacitances at the pzc of several concentrations obey 1/C = 1/(R C_GC) + 1/(R C_H): a line against
# 1/C_GC whose slope is the inverse roughness R and whose intercept is the inner layer.  The "measurement" here is of our own making (R = 1.08, C_H = 60
# uF/cm2, 1 % noise); so the answer is known.  `python -m validation silver` does it with a measured curve.

# %%
rng = np.random.default_rng(0)
dilutions = np.array([0.005, 0.01, 0.02, 0.05, 0.1])
gouy = np.array([float(microfarad_per_cm2(GouyChapman(Electrolyte.symmetric(c)).differential_capacitance(0.0))) for c in dilutions])
measured = 1.08 / (1.0 / gouy + 1.0 / 60.0) * (1.0 + 0.01 * rng.standard_normal(len(gouy)))
(line, intercept), covariance = np.polyfit(1.0 / gouy, 1.0 / measured, 1, cov=True)
roughness, error = 1.0 / line, np.sqrt(covariance[0, 0]) / line**2
print(f"roughness {roughness:.3f} +- {error:.3f} (put in: 1.08), inner layer {line / intercept:.0f} uF/cm2 (put in: 60)")
assert abs(roughness - 1.08) < 3.0 * error

figure, panel = plt.subplots(figsize=(3.4, 2.9), layout="constrained")
panel.plot(1.0 / gouy, 1.0 / measured, "o", ms=4, color="C0", label="capacitance at the pzc")
panel.plot([0.0, 0.07], [intercept, intercept + 0.07 * line], "-", color="0.4", lw=1.0, label=f"slope 1/R, R = {roughness:.2f}")
panel.set(xlabel=r"1/C, Gouy-Chapman / cm$^2$ $\mu$F$^{-1}$", ylabel=r"1/C, measured / cm$^2$ $\mu$F$^{-1}$", xlim=(0.0, None), ylim=(0.0, None))
panel.legend(fontsize=7)
figure.savefig("parsons_zobel.png")

# %% [markdown]
# ## The same electrode as atoms
#
# `equilibrate` distributes charge over the atoms of a slab whose counter-charge is a double layer: E(Q) = E0 + Phi0 Q + Q^2/2C.  Held at a
# potential the slab takes Q = C (Phi - Phi0).  The capacitance is that of the double layer in the input within 10 %; it goes in, it is no result.
# Charges of layers alternate in sign and die away inwards: one wide Gaussian an atom is a coarse basis.  Their density says that the metal keeps
# its excess charge at the outer face, and overshoots by 15 % there.

# %%
slab = fcc111("Au", (2, 2, 4), vacuum=10.0, periodic=False)
slab.pbc = (True, True, False)
found = equilibrate(slab.numbers, slab.positions, slab.cell.array, slab.pbc, np.ones(len(slab), bool), double_layer_capacitance=20.0)
(_, zero, stiffness), area = found.coefficients, np.linalg.norm(np.cross(*slab.cell[:2]))
print(f"slab: capacitance {UC_PER_CM2 / stiffness / area:.1f} uF/cm2 with a double layer of 20 uF/cm2")
assert abs(UC_PER_CM2 / stiffness / area - 20.0) < 2.0

heights, width = slab.positions[:, 2] - slab.positions[:, 2].max(), covalent_radii[79]
z = np.linspace(-12.0, 6.0, 361)
figure, panel = plt.subplots(figsize=(3.4, 2.9), layout="constrained")
for above, color in ((0.5, "C0"), (-0.5, "C3")):
    q = found.charges[0] + above / stiffness * found.charges[1]
    density = np.exp(-0.5 * ((z[:, None] - heights) / width) ** 2) @ q / (np.sqrt(2.0 * np.pi) * width)
    outside = norm.sf(0.5 * heights.max() + 0.5 * np.unique(heights.round(3))[-2], heights, width) @ q / q.sum()
    layers = " ".join(f"{q[slab.get_tags() == tag].sum():+.3f}" for tag in (1, 2, 3, 4))
    print(f"{above:+.1f} V against zero charge: Q {q.sum():+.4f} e; layers from the top {layers}; {100 * outside:.0f} % of Q lies above the middle of the two upper layers")
    assert 0.9 < outside < 1.2
    panel.plot(z, density, color=color, lw=1.2, label=f"{above:+.1f} V")
for height in np.unique(heights.round(3)):
    panel.axvline(height, color="0.8", lw=0.8, zorder=0)
panel.set(xlabel="height above the upper layer / $\\mathrm{\\AA}$", ylabel="excess charge / e $\\mathrm{\\AA}^{-1}$")
panel.legend(loc="lower left", title="against zero charge", title_fontsize=7, fontsize=7)
figure.savefig("slab.png")

# %% [markdown]
# With electrodes at two potentials, charges and capacitance follow from the Coulomb matrix alone.  Two gold sheets, 20 A apart, one volt between
# them: C = eps0 A/(d - 2 x), where x is how far the image plane of a layer of Gaussians lies in front of its nuclei.  Two distances give the same
# x, so that this is the law of the plate capacitor and no fit.

# %%
planes = []
for distance in (20.0, 30.0):
    pair = fcc111("Au", (2, 2, 1), vacuum=0.0, periodic=False)
    upper = pair.copy()
    upper.translate((0.0, 0.0, distance))
    pair += upper
    metal = ChargeModel.metal(len(pair), 1.0, Planar(pair.cell.array))
    plates = (Electrode(np.arange(4), 0.5), Electrode(np.arange(4, 8), -0.5))
    charges = equilibrate_charges(metal, pair.positions, Constraints(plates, total=0.0))
    planes.append(0.5 * (distance - EPSILON_0 * area / charges.electrode_charges[0]))
    print(f"{distance:g} A: charges {charges.electrode_charges[0]:+.5f} and {charges.electrode_charges[1]:+.5f} e, image plane at {planes[-1]:.4f} A")
assert abs(planes[0] - planes[1]) < 1e-4

# %% [markdown]
# From the shell, `electrode capacitance --concentration 0.01 0.1 --plot capacitance.png` draws the first figure, and `electrode charges slab.xyz --potential -0.5 --reference
# SHE --plot charges.png` colours the atoms of a structure of yours by these charges.
