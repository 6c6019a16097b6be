"""Where the next band starts from, how a prior is kept, and how potentials are named."""

import numpy as np
import pytest

from electrode.learn.acquisition import closest
from electrode.learn.labels import Label
from electrode.learn.prior import Remembered
from electrode.learn.source import in_volts
from electrode.references import PZC, SHE, Absolute


def asked(fmax, reason="saddle"):
    place = np.zeros((1, 3))
    return Label(place, 0.0, place, fmax, reason, path=place[None])


def test_the_next_band_starts_from_the_last_saddle_whose_forces_are_alike():
    labels = [asked(0.2), asked(0.054), asked(0.065), asked(0.6, "uncertain")]
    assert closest(labels) is labels[2]  # a soft motion goes on although its forces rise
    assert closest([*labels, asked(0.4)]) is labels[2]  # a saddle that was missed does not count
    assert closest(labels[3:]) is labels[3] and closest([]) is None


def test_a_prior_is_asked_once_for_positions_that_stay():
    calls = []

    def prior(positions):
        calls.append(positions.copy())
        return positions.sum((1, 2)), np.ones_like(positions)

    kept, places = Remembered(prior), np.ones((2, 3, 3))
    assert kept(places)[0] == pytest.approx([9.0, 9.0]) and kept(places.copy())[0] == pytest.approx([9.0, 9.0]) and len(calls) == 1
    places[1] += 1.0  # in place: the kept answer must not be taken for the new one
    assert kept(places)[0] == pytest.approx([9.0, 18.0]) and kept(places[:1])[0] == pytest.approx([9.0]) and len(calls) == 3


def test_potentials_are_named_on_the_scale_first():
    assert in_volts(3.84, SHE(4.44)) == "-0.600 V on SHE = 3.840 V absolute" and in_volts(4.9, PZC(4.8)) == "0.100 V on PZC = 4.900 V absolute"
    assert in_volts(3.84) == in_volts(3.84, Absolute()) == "3.840 V absolute"
