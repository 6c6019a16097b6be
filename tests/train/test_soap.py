"""The optimiser in the eigenbasis of the gradients."""

import copy

import numpy as np
import pytest
import torch

from electrode.train.soap import EVERY, LARGEST, Soap


def gradients(shape, number, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(number, *shape, generator=draw, dtype=torch.float64)


def moved(weight, given, optimiser):
    """Return the weight after steps along given gradients."""
    weight = weight.clone().requires_grad_()
    steps = optimiser([weight])
    for gradient in given:
        weight.grad = gradient.clone()
        steps.step()
    return weight.detach()


def rotation(n, seed):
    return torch.linalg.qr(gradients((n, n), 1, seed)[0])[0]


def test_a_turned_problem_takes_turned_steps(monkeypatch):
    monkeypatch.setattr("electrode.train.soap.RIDGE", 0.0)  # it holds the axes
    given, left, right = gradients((4, 4), 3 * EVERY), rotation(4, 1), rotation(4, 2)
    start, away = torch.zeros(4, 4, dtype=torch.float64), {}
    for name, make in {"soap": lambda w: Soap(w, 1e-2), "adamw": lambda w: torch.optim.AdamW(w, 1e-2, weight_decay=0.0)}.items():
        turned = moved(start, left @ given @ right.mT, make)
        away[name] = float((turned - left @ moved(start, given, make) @ right.mT).abs().max())
    assert away["soap"] < 1e-8 < 1e-3 < away["adamw"], away


@pytest.mark.parametrize("shape", [(6,), (LARGEST + 1, 1)])
def test_what_is_not_turned_takes_steps_of_adamw(shape):
    given, start = gradients(shape, 12), gradients(shape, 1, 5)[0]
    choices = {"lr": 1e-2, "betas": (0.9, 0.99), "weight_decay": 0.1}
    expected = moved(start, given, lambda w: torch.optim.AdamW(w, **choices))
    np.testing.assert_allclose(moved(start, given, lambda w: Soap(w, **choices)), expected, atol=1e-12)


def test_members_and_stacks_move_as_they_would_alone():
    given, start = gradients((3, 4, 5), 2 * EVERY + 1), gradients((3, 4, 5), 1, 7)[0]
    alone = torch.stack([moved(start[k], given[:, k], lambda w: Soap(w, 1e-2)) for k in range(3)])
    for members in (1, 3):
        np.testing.assert_allclose(moved(start, given, lambda w: Soap(w, 1e-2, members=members)), alone, atol=1e-10)
    rows = torch.stack([moved(start[0, :3][k], given[:, 0, k], lambda w: Soap(w, 1e-2)) for k in range(3)])
    np.testing.assert_allclose(moved(start[0, :3], given[:, 0, :3], lambda w: Soap(w, 1e-2, members=3)), rows, atol=1e-12)


def test_an_ill_conditioned_map_is_learned_in_fewer_steps():
    scales, errors = torch.logspace(0, -2, 8, dtype=torch.float64), {}
    inputs = gradients((400, 8), 1, 3)[0] * scales @ rotation(8, 4)
    target = gradients((6, 8), 1, 5)[0]
    for name, make in {"soap": lambda w: Soap(w, 3e-2), "adamw": lambda w: torch.optim.AdamW(w, 3e-2, betas=(0.9, 0.99), weight_decay=0.0)}.items():
        weight = torch.zeros(6, 8, dtype=torch.float64, requires_grad=True)
        optimiser = make([weight])
        for k in range(1000):
            optimiser.param_groups[0]["lr"] = 3e-2 * (1.0 - k / 1000)
            optimiser.zero_grad()
            value = ((weight - target) @ inputs.mT).square().mean()
            value.backward()
            optimiser.step()
        errors[name] = float(value.detach())
    assert errors["soap"] < 0.1 * errors["adamw"], errors


def test_steps_go_on_bitwise_from_a_copied_state():
    given, weight = gradients((4, 5), 4 * EVERY), torch.zeros(4, 5, dtype=torch.float64)
    whole = moved(weight, given, lambda w: Soap(w, 1e-2))
    first = weight.clone().requires_grad_()
    optimiser = Soap([first], 1e-2)
    for gradient in given[: EVERY + 3]:
        first.grad = gradient.clone()
        optimiser.step()
    state, second = copy.deepcopy(optimiser.state_dict()), first.detach().clone().requires_grad_()
    going_on = Soap([second], 1e-2)
    going_on.load_state_dict(state)
    for gradient in given[EVERY + 3 :]:
        second.grad = gradient.clone()
        going_on.step()
    assert torch.equal(second.detach(), whole)
