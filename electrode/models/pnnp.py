"""Forces without a field from one network, their answer to a field from the polar tensors of another.

    F_i(R, F) = F0_i(R) + Z_i(R)^T F,      F0 = -dE0/dR,      sum_i Z_i = Q 1      (Z_i,ab = dP_a/dr_ib)

Nothing of the network sees the field: it learns from frames without one, and is exact to first order in it.  Two kinds of Z,

    tensor   Z_i = Zhat_i - <Zhat> + Q m_i/M 1: a head; what is not dP/dR of some P does work around a closed path (`integrability_defect`)
    dipole   P = sum_i [q_Z - <q> + Q m_i/M] r_i + sum_i p_i(R), Z = dP/dR: forces are the gradient of H = E0 - F.P

The first is the publication's.  It has no dipole and no energy in a field; in one, `canonical_energy` is E0.  The second is conservative
with a charge q for each element and dipoles p_i of neighbourhoods.  A net charge Q moves the cell as a whole, about its centre of mass,
and E0 does not know it.  Positions are those of one image of each atom: along a trajectory they must not be wrapped, or P jumps; Z and
forces do not.

Joll, Schienbein, Rosso and Blumberger, Nat. Commun. 15, 8192 (2024); Schienbein, J. Chem. Theory Comput. 19, 705 (2023).  Departs from
them in the networks, and in that scales are isotropic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from ase.data import atomic_masses
from torch import Tensor

from electrode.data.problems import did_you_mean
from electrode.models.adapting import element_energies, force_scale, sample_graphs
from electrode.models.base import Model
from electrode.models.templates import NO_CONJUGATE
from electrode.nn.atomic import AtomicNetwork, check_elements
from electrode.nn.graph import Graph
from electrode.nn.polar_tensors import AtomicDipoles, PolarTensors
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure

KINDS = ("tensor", "dipole")


@dataclass(frozen=True)
class PnnpConfig:
    """Choices of the scheme.

    Parameters
    ----------
    elements : atomic numbers
    polarisation : "tensor" or "dipole", what is learned of the answer to a field
    energy : the network of E0, None for the field's forces alone
    response : the network of Z or P, equivariant
    readout_hidden : width of the readout of E0
    seed : of the initial weights
    """

    elements: tuple[int, ...]
    polarisation: str = "tensor"
    energy: RepresentationConfig | None = field(default_factory=RepresentationConfig)
    response: RepresentationConfig = field(default_factory=RepresentationConfig)
    readout_hidden: int = 32
    seed: int = 0

    def __post_init__(self):
        if self.polarisation not in KINDS:
            raise ValueError(f"PnnpConfig.polarisation: expected one of {KINDS}, got {self.polarisation!r}{did_you_mean(str(self.polarisation), KINDS)}")
        check_elements(self.elements)

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> PnnpConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(tuple(sorted(elements)))


class Pnnp(Model):
    """Forces of the neutral network and their answer to a field."""

    natural = "charge"
    uses_field = True
    symmetry = "E(3)"
    fails = {"conjugate": NO_CONJUGATE}

    def __init__(self, config: PnnpConfig):
        super().__init__()
        self.config, self.conservative = config, config.polarisation == "dipole"
        n, draw = len(config.elements), torch.Generator().manual_seed(config.seed)
        kind = AtomicDipoles if self.conservative else PolarTensors
        self.response = kind(n, config.response, draw)
        self.network = None if config.energy is None else AtomicNetwork(config.elements, config.energy, config.readout_hidden, draw)
        self.register_buffer("element_charge", torch.zeros(n, dtype=torch.float64))

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return H (S,), of which the tensor kind has E0 with the slope that its forces are; and its "born_charges" (N, 3, 3) [e]."""
        charge, positions = control.value, description["positions"]
        energy = self._neutral_energy(structure, positions) + 0.0 * charge
        if self.conservative:
            dipole = self.dipole(structure, positions, charge)
            return {"natural_energy": energy if control.field is None else energy - (control.field * dipole).sum(1)}
        born = self.tensors(structure, positions, charge)
        if control.field is None:
            return {"natural_energy": energy, "born_charges": born}
        work = torch.einsum("na,nab,nb->n", control.field.detach()[structure.system], born.detach(), positions - positions.detach())
        return {"natural_energy": energy - structure.total(work), "born_charges": born}

    def tensors(self, structure: Structure, positions: Tensor, charge: Tensor) -> Tensor:
        """Return Z (N, 3, 3) [e] of the tensor kind at positions (N, 3) [A], of systems with charges (S,) [e]."""
        found = self.response(self.rows(structure), Graph.of(structure, positions, self.response.cutoff))
        mean = structure.total(found) / structure.counts.to(found)[:, None, None]
        rigid = (charge[structure.system] * _mass_share(structure))[:, None, None] * torch.eye(3, dtype=found.dtype)
        return found - mean[structure.system] + rigid

    def dipole(self, structure: Structure, positions: Tensor, charge: Tensor) -> Tensor:
        """Return P (S, 3) [e A] of the dipole kind; parameters as those of `tensors`."""
        rows = self.rows(structure)
        local = self.response(rows, Graph.of(structure, positions, self.response.cutoff))
        own = self.element_charge[rows]
        mean = structure.total(own) / structure.counts.to(own)
        point = own - mean[structure.system] + charge[structure.system] * _mass_share(structure)
        return structure.total(local + point[:, None] * positions)

    def rows(self, structure: Structure) -> Tensor:
        """Return which of the elements each atom is, (N,); raises ValueError for an atom of another."""
        which = structure.numbers[:, None] == torch.tensor(self.config.elements)
        if not which.any(1).all():
            unknown = sorted(set(structure.numbers[~which.any(1)].tolist()))
            raise ValueError(f"elements {unknown} (atomic numbers) are not in the model, which knows {list(self.config.elements)}; train with frames that hold them")
        return which.long().argmax(1)

    def adapt(self, data: Sequence) -> None:
        """Fit scales, the elements' energies and their mean tensors to blocks of training frames.

        Raises
        ------
        ValueError
            for frames in a field, of which the tensor kind has no energy.
        """
        if not self.conservative and any(b.held["field"].any() for b in data):
            raise ValueError("Pnnp: expected training frames without a field, got some in one; leave them out, or set polarisation: dipole")
        self.response.representation.basis.adapt(sample_graphs(data, self.response.cutoff))
        self._adapt_response(data)
        if self.network is None:
            return
        self.network.representation.basis.adapt(sample_graphs(data, self.network.cutoff))
        if (scale := force_scale(data)) is not None:
            self.network.energy_scale.copy_(scale)
        self.network.element_energy.zero_()
        self.network.element_energy.copy_(element_energies(self, data, self.network.one_hot))

    def _adapt_response(self, data: Sequence) -> None:
        channel = torch.cat([self.rows(b.structure) for b in data])
        born = torch.cat([b.labels["born_charges"].reshape(-1, 3, 3) for b in data])
        known = ~torch.isnan(born).flatten(1).any(1)
        if not known.any():
            return
        scales = PolarTensors(len(self.config.elements), self.config.response, torch.Generator()) if self.conservative else self.response
        scales.adapt(channel[known], born[known])
        if self.conservative:
            self.element_charge.copy_(scales.mean)
            self.response.scale.copy_(scales.scale)

    def _neutral_energy(self, structure: Structure, positions: Tensor) -> Tensor:
        if self.network is None:
            return 0.0 * structure.total(positions.sum(1))
        return structure.total(self.network.energies(structure, self.network.features(structure, positions)))


def born_charges(model: Pnnp, structure: Structure, charge: float = 0.0) -> Tensor:
    """Return Z (N, 3, 3) [e] of either kind, without its derivatives.

    Parameters
    ----------
    structure : S systems with N atoms
    charge : of each [e]
    """
    return _born(model, structure.at(structure.positions.detach().requires_grad_()), charge, False).detach()


def integrability_defect(model: Pnnp, structure: Structure, probes: int = 8, seed: int = 0) -> float:
    """Return by how much the field's forces fail to be a gradient: 0 for those that are, 1 for a Jacobian without any symmetry.

        g = sum_i Z_i^T F,   J = dg/dR,   defect = |J - J^T| / sqrt(2 |J|^2 + 2 |J^T|^2),   norms from random displacements u, v and fields F

    so that a defect d means that a share of about d of the change of the field's force along a path belongs to no potential.

    Parameters
    ----------
    probes : triples u, v, F
    seed : of the triples

    Raises
    ------
    ValueError
        for no probe, or tensors that do not depend on positions.
    """
    if probes < 1:
        raise ValueError(f"integrability_defect: expected at least one probe, got {probes}")
    draw = torch.Generator().manual_seed(seed)
    moving = structure.at(structure.positions.detach().requires_grad_())
    born, u_v_f = _born(model, moving, 0.0, True), []
    for _ in range(probes):
        u, v, f = (torch.randn(*size, generator=draw, dtype=born.dtype) for size in ((len(born), 3), (len(born), 3), (3,)))
        a, b = (_pulled(torch.einsum("a,nab,nb->", f, born, x), moving.positions, y) for x, y in ((u, v), (v, u)))
        u_v_f.append((a, b))
    pairs = torch.tensor(u_v_f)
    size = 2.0 * pairs.square().sum()
    if not size > 0:
        raise ValueError("integrability_defect: expected tensors that depend on positions, got constant ones, whose forces are a gradient")
    return float(((pairs[:, 0] - pairs[:, 1]).square().sum() / size).sqrt())


def _pulled(value: Tensor, positions: Tensor, along: Tensor) -> float:
    (slope,) = torch.autograd.grad(value, positions, retain_graph=True)
    return float((slope * along).sum())


def _born(model: Pnnp, moving: Structure, charge: float, create_graph: bool) -> Tensor:
    positions = moving.positions
    charges = torch.full((moving.n_systems,), charge, dtype=positions.dtype)
    with torch.enable_grad():
        if not model.conservative:
            return model.tensors(moving, positions, charges)
        dipole = model.dipole(moving, positions, charges).sum(0)
        rows = [torch.autograd.grad(p, positions, retain_graph=True, create_graph=create_graph)[0] for p in dipole]
    return torch.stack(rows, dim=1)


def _mass_share(structure: Structure) -> Tensor:
    """Return each atom's share of the mass of its system, (N,)."""
    mass = torch.from_numpy(atomic_masses)[structure.numbers].to(structure.positions)
    return mass / structure.total(mass)[structure.system]
