import dataclasses
import math

import pytest

from electrode.references import PZC, RHE, SHE, Absolute, reference
from electrode.units import BOLTZMANN


def test_absolute_is_the_potential_itself():
    assert reference("ABS") == Absolute() and Absolute().to_absolute(-0.37) == -0.37 == Absolute().from_absolute(-0.37)


def test_she_adds_its_absolute_potential():
    scale = reference("she", absolute=4.57)
    assert scale.to_absolute(-0.81) == pytest.approx(3.76, abs=1e-12)
    assert scale.from_absolute(3.76) == pytest.approx(-0.81, abs=1e-12)


def test_rhe_rises_with_ph_against_she():
    slope = BOLTZMANN * 330.0 * math.log(10.0)
    scale = reference("RHE", ph=13.0, temperature=330.0, absolute=4.66)
    assert scale.from_absolute(4.0) == pytest.approx(4.0 - 4.66 + slope * 13.0, abs=1e-12)
    assert RHE(1.0).from_absolute(4.44) == pytest.approx(0.05916, abs=1e-5)


def test_pzc_counts_from_the_potential_of_zero_charge():
    assert reference("pzc", pzc=5.1).to_absolute(-0.3) == pytest.approx(4.8)
    assert PZC(5.1).from_absolute(4.8) == pytest.approx(-0.3)


@pytest.mark.parametrize("scale", [Absolute(), SHE(4.57), RHE(9.5, 310.0, 4.28), PZC(5.5)])
@pytest.mark.parametrize("u", [-1.3, 0.0, 0.7])
def test_round_trip(scale, u):
    assert scale.from_absolute(scale.to_absolute(u)) == pytest.approx(u, abs=1e-12)


def test_default_of_she_is_printed_and_a_stated_value_is_not_called_default():
    assert str(reference("SHE")) == "SHE at 4.44 V absolute (default, IUPAC 1986)"
    assert str(reference("SHE", absolute=4.44)) == "SHE at 4.44 V absolute"
    assert "default" in str(reference("RHE", ph=7)) and "pH 7" in str(reference("RHE", ph=7))
    assert SHE() == SHE(4.44) and SHE().absolute == 4.44


def test_scales_are_frozen_and_named():
    assert [s.name for s in (Absolute(), SHE(), RHE(0.0), PZC(5.0))] == ["absolute", "SHE", "RHE", "PZC"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        SHE().absolute = 4.0


@pytest.mark.parametrize(
    "name, given, message",
    [
        (None, {}, "needs its scale"),
        ("SHF", {}, "Did you mean 'SHE'"),
        ("absolut", {}, "Did you mean 'absolute'"),
        ("RHE", {}, "needs ph"),
        ("PZC", {}, "needs pzc"),
        ("SHE", {"ph": 7.0}, "does not use ph"),
        ("SHE", {"ph": 0.0}, "does not use ph"),
        ("absolute", {"absolute": 4.44}, "does not use absolute"),
        ("RHE", {"ph": 7.0, "pzc": 5.0}, "does not use pzc"),
        ("SHE", {"absolute": 0.0}, "3.5 to 5.5"),
        ("SHE", {"absolute": -4.44}, "3.5 to 5.5"),
        ("SHE", {"absolute": float("nan")}, "3.5 to 5.5"),
        ("RHE", {"ph": 16.5}, "-2 to 16"),
        ("RHE", {"ph": True}, "-2 to 16"),
        ("RHE", {"ph": 7.0, "temperature": 25.0}, "kelvin"),
        ("PZC", {"pzc": -0.2}, "absolute potential"),
    ],
)
def test_refuses_to_guess(name, given, message):
    with pytest.raises(ValueError, match=message):
        reference(name, **given)
