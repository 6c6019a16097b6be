"""A committee: models of one scheme and configuration, trained from different starts, evaluated in one batched pass where the scheme can.

The mean is the committee's scalar, so that forces, charge and capacitance are those of the mean; the standard deviation
of the members says where they no longer agree.  With `caution` k the scalar is pessimistic where they do not,

    A(R, x) = mean(R, x) + k [sqrt(var(R, x0) + (N t)^2) - N t],

so that relaxations and bands keep to what the members know.  Within the tolerated t per atom it is the mean; x0 is the middle of
the trained range, so that charge, potential and capacitance are the mean's.

Peterson, Christensen and Khorshidi, Phys. Chem. Chem. Phys. 19, 10978 (2017), https://doi.org/10.1039/C7CP00375G; the caution is
ours.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from electrode.models.base import Calibration, Model, middle_of_range
from electrode.models.closed_form import Added, ClosedForm, Members
from electrode.models.committee_config import CommitteeConfig, seeded
from electrode.models.schemes import find_scheme
from electrode.state import Control, Structure


class Committee(Model):
    """The mean of models of one scheme, with their spread."""

    def __init__(self, config: CommitteeConfig):
        from electrode.models.store import build_model, from_plain

        super().__init__()
        member = config.member if is_dataclass(config.member) else from_plain(find_scheme(config.scheme).config(), config.member)
        self.config = replace(config, member=asdict(member))
        template = build_model(config.scheme, member)
        if "committee" in template.fails:
            raise ValueError(f"Committee: members of {config.scheme!r} cannot be evaluated in one pass, {template.fails['committee']}")
        self._template = (template,)  # in a tuple: its own weights are no part of the committee
        self.natural, self.uses_field, self.variational = template.natural, template.uses_field, template.variational
        self.conjugate, self.fails, self.conservative = template.conjugate, dict(template.fails), template.conservative
        self.branch_safe = template.branch_safe
        self.near, self.wide = template.near, template.wide
        for name, value in template.state_dict().items():
            stacked = torch.stack([value] * config.size)
            if name in dict(template.named_parameters()):
                self.register_parameter(_key(name), nn.Parameter(stacked))
            else:
                self.register_buffer(_key(name), stacked)

    @classmethod
    def of(cls, members: Sequence[Model], scheme: str, caution: float = 0.0) -> Committee:
        """Return the committee of trained models, see `CommitteeConfig` for `caution`.

        Raises
        ------
        ValueError
            for members of different configurations, seeds apart.
        """
        plain = [seeded(asdict(m.config), lambda seed: 0) for m in members]
        if any(p != plain[0] for p in plain):
            raise ValueError("Committee.of: expected members of one configuration, got different ones")
        committee = cls(CommitteeConfig(scheme, asdict(members[0].config), len(members), caution))
        committee.take(members)
        committee.card = members[0].card
        return committee.eval()

    def take(self, members: Sequence[Model]) -> None:
        """Take the weights of the members."""
        states = [m.state_dict() for m in members]
        self.load_state_dict({_key(k): torch.stack([s[k] for s in states]) for k in states[0]})

    def adapt(self, data) -> None:
        """Let every member fit its scales and offsets to the training data."""
        members = self.members()
        for member in members:
            member.adapt(data)
        self.take(members)

    def members(self) -> list[Model]:
        """Return the members as models of their own."""
        from electrode.models.store import build_model, from_plain

        kind, state = find_scheme(self.config.scheme).config(), self.state_dict()
        models = []
        for k in range(self.config.size):
            model = build_model(self.config.scheme, from_plain(kind, self.config.member))
            model.load_state_dict({name: state[_key(name)][k] for name in model.state_dict()})
            model.card = self.card
            models.append(model.eval())
        return models

    def kernels(self, structure: Structure) -> dict:
        """Return the kernels that all members share."""
        return self._template[0].kernels(structure)

    @property
    def pattern(self) -> Model:
        """The model that the members' weights are put into."""
        return self._template[0]

    @property
    def reach(self) -> float | None:
        """That of the members [A]."""
        return self._template[0].reach

    def require_placement(self, structure: Structure) -> None:
        """Refuse what the members refuse, see `Model.require_placement`."""
        self._template[0].require_placement(structure)

    def describe(self, structure: Structure) -> dict[str, Tensor]:
        """Return the description that all members share and, with caution, "disagreement" (S,) [eV], which depends on atoms alone."""
        description = self._template[0].describe(structure)
        if not self.config.caution:
            return description
        return {**description, "disagreement": self._cost(self._at_middle(structure, description), structure)}

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the mean of the members' scalars and extras, "member_energies" (S, M) and "energy_std" (S,) [eV]."""
        out = self._each(structure, control, description)
        each = out["natural_energy"].detach().T
        mean = {k: v.mean(0) for k, v in out.items()}
        if self.config.caution:
            mean["natural_energy"] = mean["natural_energy"] + self.config.caution * description["disagreement"]
        return {**mean, "member_energies": each, "energy_std": self._calibration.energy * each.std(1)}

    def written_out(self, structure: Structure, kernels: dict | None = None) -> Members | None:
        """Return the members, where the scheme writes them out."""
        return self._template[0].members_of(structure, self, self._weights, kernels)

    def closed_form(self, structure: Structure) -> ClosedForm | None:
        """Return the committee's scalar written out where the scheme writes out its members."""
        members = self.written_out(structure)
        if members is None:
            return None
        calibrated = lambda each: self._calibration.energy * each.std(0, ddof=1)
        also = lambda state: {"member_energies": state.energies.T, "energy_std": calibrated(state.energies)}
        return ClosedForm(members, self._added(structure, members) if self.config.caution else None, also)

    def _added(self, structure: Structure, members: Members) -> Added:
        """Return what disagreement costs, and how it changes with each member's scalar at the middle of the trained range."""
        state = members.at(middle_of_range(self.card, self.natural, structure).numpy())
        each = torch.from_numpy(state.energies).requires_grad_()
        cost = self.config.caution * self._cost(each, structure)
        (weights,) = torch.autograd.grad(cost.sum(), each)
        return Added(cost.detach().numpy(), state, weights.numpy())

    def sums(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the mean of the members' sums (S,), and beside it those of each, with caution at the middle of the trained range too."""
        each = self._each(structure, control, description)["natural_energy"]
        others = [each.detach()] + ([self._at_middle(structure, description)] if self.config.caution else [])
        return each.mean(0), torch.cat(others).T

    def joined(self, natural: Tensor, others: Tensor, structure: Structure) -> dict[str, Tensor]:
        """Return the committee's scalar, "member_energies" and "energy_std" of the whole structure from the `sums` of its pieces."""
        each, middle = others[:, : self.config.size], others[:, self.config.size :]
        cost = self.config.caution * self._cost(middle.T, structure) if self.config.caution else 0.0
        return {"natural_energy": natural + cost, "member_energies": each.detach(), "energy_std": self._calibration.energy * each.detach().std(1)}

    def _at_middle(self, structure: Structure, description: dict[str, Tensor]) -> Tensor:
        middle = middle_of_range(self.card, self.natural, structure)
        return self._each(structure, Control(**{self.natural: middle}), description)["natural_energy"]

    def _cost(self, each: Tensor, structure: Structure) -> Tensor:
        """Return what disagreement of energies (M, S) at the middle of the trained range costs (S,) [eV]: it must not bend the charge curve."""
        kept = self.config.tolerated * structure.counts.to(each)
        return torch.sqrt(each.var(0) + kept**2) - kept

    def forces_std(self, structure: Structure, control: Control) -> Tensor:
        """Return the standard error of the forces at one value of the natural variable, (N, 3) [eV/A]: the members' spread, calibrated."""
        moving = structure.at(structure.positions.detach().requires_grad_())
        with torch.enable_grad():
            out = self._each(moving, control.expand(structure.n_systems), self.describe(moving))
            slopes = lambda: torch.stack([torch.autograd.grad(e.sum(), moving.positions, retain_graph=True)[0] for e in out["natural_energy"]])
            forces = out["forces"].detach() if "forces" in out else slopes()
        return self._calibration.forces * forces.std(0)

    def conjugate_std(self, structure: Structure, control: Control) -> Tensor:
        """Return the standard error of the charge [e] or potential [V], whichever is not natural, (S,): the members' spread, calibrated."""
        control = control.expand(structure.n_systems)
        x = control.value.detach().requires_grad_()
        with torch.enable_grad():
            moved = Control(**{self.natural: x}, field=control.field)
            out = self._each(structure, moved, self._template[0].describe(structure))
            slopes = lambda: [torch.autograd.grad(e.sum(), x, retain_graph=True, materialize_grads=True)[0] for e in out["natural_energy"]]
            each = out["potential_head"].detach() if "potential_head" in out else slopes()
        return self._calibration.conjugate * torch.stack(list(each)).std(0)

    @property
    def _calibration(self) -> Calibration:
        return self.card.calibration or Calibration()

    def _each(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what every member gives, with the members first."""
        return self._over(lambda w: functional_call(self._template[0], w, (structure, control, description)), self._weights())

    def _over(self, member: Callable[..., dict[str, Tensor]], *parts: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what every member gives of its own parts, in one pass, or in turn where the scheme's weights do not stack."""
        if self._template[0].stacks:
            return vmap(member)(*parts)
        found = [member(*({name: value[k] for name, value in part.items()} for part in parts)) for k in range(self.config.size)]
        return {name: torch.stack([out[name] for out in found]) for name in found[0]}

    def each(self, structure: Structure, held: dict[str, Tensor], description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what every member gives at its own copy of the control and of the description, with the members first everywhere.

        Derivatives by these copies are then each member's own, from one pass.

        Parameters
        ----------
        structure : S systems
        held : the natural variable (M, S) by its name, and perhaps "field" (M, S, 3)
        description : as `describe` gives it without caution, M times
        """
        blank = Control(**{name: value[0].detach() for name, value in held.items()})

        def member(weights, held, description):
            return functional_call(self._template[0], weights, (structure, _held(blank, held), description))

        return self._over(member, self._weights(), held, description)

    def _weights(self) -> dict[str, Tensor]:
        return {name: getattr(self, _key(name)) for name in self._template[0].state_dict()}


def _held(control: Control, values: dict[str, Tensor]) -> Control:
    """Return the control with other values, without its checks, which a batched tensor does not allow."""
    moved = copy.copy(control)
    for name, value in values.items():
        object.__setattr__(moved, name, value)
    return moved


def _key(name: str) -> str:
    """Return a name that torch accepts for a parameter of the committee itself."""
    return name.replace(".", "__")
