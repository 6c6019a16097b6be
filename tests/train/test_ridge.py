"""Ridge: the closed forms against fits that are made again."""

import numpy as np

from electrode.train.ridge import Ridge


def system():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(40, 60))
    rows[:, 0] *= 1e5  # a prior so wide that it is free
    return rows, rng.normal(size=40) + 7e4, np.repeat(np.arange(8), 5)


def again(rows, labels):
    both = np.vstack([rows, np.eye(rows.shape[1])])
    return np.linalg.lstsq(both, np.concatenate([labels, np.zeros(rows.shape[1])]), rcond=None)[0]


def test_weights_are_those_of_least_squares_with_a_prior():
    rows, labels, _ = system()
    assert np.abs(Ridge.fit(rows, labels).weights - again(rows, labels)).max() < 1e-6


def test_weights_without_a_group_are_those_of_a_fit_that_never_saw_it():
    rows, labels, group = system()
    found = Ridge.fit(rows, labels).left_out(group)
    assert set(found) == {str(g) for g in range(8)}
    for g in range(8):
        assert np.abs(found[str(g)] - again(rows[group != g], labels[group != g])).max() < 1e-6
