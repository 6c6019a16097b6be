"""Loops of the dual scheme written out, over atoms and members; for the shapes of weights see `dual_closed_form.DualWeights`.

Names inside: M members, B their networks, those of the charge first; z what a first layer gives, width h.  Weights of an element that are given
as one row are those of `DualWeights` one after another.
"""

import numpy as np

from electrode.nn.written_out import along, back, fast, forward, times


@fast
def _inner(sizes):
    """Return the sum of the widths but the last, 1, which no width exceeds by more than that."""
    total = 0
    for k in range(len(sizes) - 1):
        total += sizes[k]
    return total


@fast
def start(features, decaying, channel, first, bias, decay, centre, layers, sizes):
    """Return z of the charge networks at no potential and how it moves with the potential (N, M, h), the outputs of the others (B - M, N), and what their layers are given.

    `first`, `bias` and `decay` hold one row for each element.
    """
    n, members, networks, width = len(channel), len(centre), layers.shape[1], sizes[0]
    uncharged, direction, out = np.empty((n, members, width)), np.empty((n, members, width)), np.empty((networks - members, n))
    given, z = np.empty((n, networks - members, _inner(sizes))), np.empty(_inner(sizes) + 1)
    all_z, moved = np.empty(networks * width), np.empty(members * width)
    for i in range(n):
        c = channel[i]
        for j in range(networks * width):
            all_z[j] = bias[c, j]
        for j in range(members * width):
            moved[j] = 0.0
        times(features[i], first[c], all_z)
        times(decaying[i], decay[c], moved)
        for m in range(members):
            for j in range(width):
                direction[i, m, j] = moved[m * width + j]
                uncharged[i, m, j] = all_z[m * width + j] - centre[m] * moved[m * width + j]
        for b in range(members, networks):
            for j in range(width):
                z[j] = all_z[b * width + j]
            out[b - members, i] = forward(z, layers[c, b], sizes, given[i, b - members])
    return uncharged, direction, out, given


@fast
def charges(x, n_systems, system, channel, electronegativity, hardness, energy, uncharged, direction, layers, sizes):
    """Return the scalars with two derivatives (3, M, S), the charges q and w = dOmega/dq (M, N), and what the charge networks' layers are given."""
    n, members, width = uncharged.shape
    scalars, charge, drive = np.zeros((3, members, n_systems)), np.empty((members, n)), np.empty((members, n))
    room = _inner(sizes) + 1
    given, z, z1, z2 = np.empty((n, members, room - 1)), np.empty(room), np.empty(room), np.empty(room)
    for i in range(n):
        s, phi = system[i], x[system[i]]
        for m in range(members):
            for j in range(width):
                z1[j], z2[j] = direction[i, m, j], 0.0
                z[j] = uncharged[i, m, j] + phi * z1[j]
            q, q1, q2 = along(z, z1, z2, layers[channel[i], m], sizes, given[i, m])
            hard = hardness[m, i]
            w = electronegativity[m, i] - phi + hard * q
            scalars[0, m, s] += energy[m, i] + (w - 0.5 * hard * q) * q
            scalars[1, m, s] += w * q1 - q
            scalars[2, m, s] += w * q2 + (hard * q1 - 2.0) * q1
            charge[m, i], drive[m, i] = q, w
    return scalars, charge, drive, given


@fast
def charges_back(x, system, channel, weight, given, decay, centre, layers, sizes, bar, decays):
    """Add the weights of the charge networks' z to bar (N, B, h), and those of the decaying functions to decays (N, K), from the weights of the charges (M, N)."""
    members, width = len(weight), decay.shape[3]
    z = np.empty(_inner(sizes) + 1)
    for i in range(len(channel)):
        c = channel[i]
        for m in range(members):
            back(weight[m, i], layers[c, m], sizes, given[i, m], z)
            shift = x[system[i]] - centre[m]
            for j in range(width):
                bar[i, m, j] += z[j]
            for k in range(decay.shape[1]):
                total = 0.0
                for j in range(width):
                    total += decay[c, k, m, j] * z[j]
                decays[i, k] += shift * total


@fast
def others_back(channel, weight, given, first, layers, sizes, bar):
    """Fill the weights of the other networks' z in bar (N, B, h) from those of their outputs (B - M, N), and return those of the features, (N, F).

    `first` holds one row for each element.
    """
    n, networks, width = bar.shape
    members, z, all_z = networks - len(weight), np.empty(_inner(sizes) + 1), np.empty(networks * width)
    out = np.empty((n, first.shape[1] // len(all_z)))
    for i in range(n):
        c = channel[i]
        for b in range(len(weight)):
            back(weight[b, i], layers[c, members + b], sizes, given[i, b], z)
            for j in range(width):
                bar[i, members + b, j] = z[j]
        for b in range(networks):
            for j in range(width):
                all_z[b * width + j] = bar[i, b, j]
        for f in range(out.shape[1]):
            total, row = 0.0, first[c, f * len(all_z) : (f + 1) * len(all_z)]
            for j in range(len(all_z)):
                total += row[j] * all_z[j]
            out[i, f] = total
    return out
