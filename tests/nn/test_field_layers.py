"""What a field adds to a passing of messages: the sums that are known already against vectors that are passed."""

import torch
from teacher import interface

from electrode.nn.dense import linear
from electrode.nn.equivariant import EquivariantLayer
from electrode.nn.field import AtomicEnergies, FieldEnergies, FieldNetwork
from electrode.nn.graph import Graph
from electrode.nn.radial import RadialBasis, quadratic, symmetric
from electrode.state import Structure


def test_a_vector_of_each_system_is_passed_on_by_sums_that_are_known():
    structure = Structure.from_atoms([interface((1, 1, 3), height=1.0, seed=21), interface((2, 1, 2), height=2.6, water=True, seed=23)])
    draw = torch.Generator().manual_seed(0)
    normal = lambda *shape: torch.randn(*shape, generator=draw, dtype=torch.float64)
    graph, basis = Graph.of(structure, structure.positions, 4.0), RadialBasis(5, 4.0)
    layer, by, n = EquivariantLayer(6, 5, False, False, draw), linear(6, 6, draw, bias=False), len(structure.numbers)
    h, v, pushed = normal(n, 6), normal(n, 3, 6), normal(2, 3)[structure.system]
    passed = pushed[:, :, None] * by(h)[:, None, :]
    for own, whole in ((None, passed), (v, v + passed)):
        found, wanted = layer(h, own, basis.around(graph), graph, pushed, by), layer(h, whole, basis.around(graph), graph)
        assert all((a - b).abs().max() < 1e-12 for a, b in zip(found, wanted))
    assert (wanted[1] - layer(h, v, basis.around(graph), graph)[1]).abs().max() > 0.1


def test_products_of_harmonics_of_order_two_are_legendre_polynomials():
    a, b = (torch.nn.functional.normalize(torch.randn(7, 3, generator=torch.Generator().manual_seed(k), dtype=torch.float64)) for k in (1, 2))
    cosine = (a * b).sum(1)
    assert ((quadratic(a) * quadratic(b)).sum(1) - (1.5 * cosine**2 - 0.5)).abs().max() < 1e-14


def test_harmonics_of_one_direction_are_its_traceless_matrix():
    direction = torch.nn.functional.normalize(torch.randn(7, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64))
    wanted = 1.5 * direction[:, :, None] * direction[:, None, :] - 0.5 * torch.eye(3, dtype=torch.float64)
    assert (symmetric(quadratic(direction)[:, :, None])[..., 0] - wanted).abs().max() < 1e-14


def test_what_layers_see_is_about_zero_for_each_element_once_adapted():
    structure = Structure.from_atoms([interface((2, 1, 2), height=h, water=True, seed=23) for h in (1.0, 1.5, 2.0, 2.6)])
    sizes, draw = (3, 6, 2, 5, 4.0), torch.Generator().manual_seed(0)
    network = FieldNetwork((1, 8, 79), 4.0, FieldEnergies(*sizes, draw, 2), AtomicEnergies(*sizes, draw, 2, 8))
    sample = network.inputs(structure, structure.positions, torch.full((4, 3), 0.1, dtype=torch.float64))
    network.adapt([sample])
    seen = []
    for part in (network.atomic, network.neutral):
        for layer, scale in zip(part.passing.interaction, part.passing.scaling):
            layer.update.register_forward_pre_hook(lambda _, given: seen.append(given[0][:, 6:]))
            assert scale.mean.abs().max() > 0.1
    network(structure, structure.positions, torch.full((4, 3), 0.1, dtype=torch.float64))
    assert len(seen) == 4
    for values in seen:
        own = [values[sample[0] == k] for k in range(3)]
        assert max(x.mean(0).abs().max() for x in own) < 1e-12 and max(x.std(0, unbiased=False).max() for x in own) < 1.0 + 1e-12
