"""Random faults in valid records never pass in silence, and random valid records are never refused."""

import re
import warnings

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc111
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from electrode.data.files import read_frames, write_frames
from electrode.data.problems import DataError
from electrode.data.record import ElectrifiedFrame
from electrode.data.stream import stream_frames

MU_NEUTRAL, PHI_SHE = -5.3, 4.44
REQUIRED = ["eir_version", "REF_energy", "eir_energy_kind", "eir_n_excess", "eir_mu", "eir_mu_zero", "eir_ensemble", "eir_countercharge", "eir_normal", "eir_sides", "eir_scf_converged", "eir_method_id"]
NUMBERS = ["REF_energy", "eir_n_excess", "eir_mu", "eir_phi_she", "eir_temperature", "eir_ph"]
ENUMS = ["eir_energy_kind", "eir_mu_zero", "eir_ensemble", "eir_countercharge", "eir_energy_smearing"]
QUICK = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@st.composite
def records(draw):
    """Frames of one geometry at two or three charges, energies and potentials of a random capacitor, some entries optional."""
    size = draw(st.sampled_from([(1, 1, 2), (1, 1, 3), (2, 1, 2)]))
    atoms = fcc111(draw(st.sampled_from(["Au", "Ag", "Pt"])), size, vacuum=7.0)
    add_adsorbate(atoms, "H", draw(st.floats(0.8, 1.6)), "fcc")
    atoms.rattle(draw(st.floats(0.0, 0.05)), seed=draw(st.integers(0, 99)))
    atoms.info = {}
    charges = sorted(draw(st.lists(st.sampled_from([-0.3, -0.2, -0.1, 0.1, 0.2, 0.3]), min_size=2, max_size=3, unique=True)))
    hardness, zero, kind = draw(st.floats(0.5, 2.0)), draw(st.floats(-500.0, 0.0)), draw(st.sampled_from(["E", "Omega"]))
    optional = draw(st.fixed_dictionaries({}, optional={
        "ph": st.floats(0, 14), "temperature": st.floats(250, 400), "solvation": st.just("explicit"), "energy_smearing": st.just("free"),
        "trajectory": st.integers(0, 9), "system": st.sampled_from(["a", "Au H"]), "debye_length": st.floats(1, 30), "u_scale": st.sampled_from(["abs", "she"]),
    }))  # fmt: skip
    scale = optional.get("u_scale")
    frames = []
    for k, n in enumerate(charges):
        mu = MU_NEUTRAL + hardness * n
        energy = zero + MU_NEUTRAL * n + 0.5 * hardness * n**2 - (mu * n if kind == "Omega" else 0.0)
        frames.append(ElectrifiedFrame(
            atoms, f"f{k}", version=1, energy=energy, energy_kind=kind, n_excess=n, mu=mu, mu_zero="electrolyte", ensemble="fixed_n", phi_she=PHI_SHE,
            countercharge="jellium_slab", normal=2, sides=1, scf_converged=True, method_id="m_1", u=None if scale is None else -mu - (PHI_SHE if scale == "she" else 0.0),
            forces=np.random.default_rng(k).normal(size=(len(atoms), 3)), **optional,
        ))  # fmt: skip
    return frames


def text_of(frames, path):
    write_frames(path, frames, force=True)
    return path.read_text()


def told(path):
    """Everything that reading a file says, by an error or by warnings; empty if it passes in silence."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            read_frames(path)
        except DataError as error:
            return str(error)
    return " ".join(str(w.message) for w in caught)


@settings(max_examples=40, **QUICK)
@given(frames=records())
def test_valid_records_are_never_refused(tmp_path, frames):
    text_of(frames, tmp_path / "a.xyz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = read_frames(tmp_path / "a.xyz")
        streamed = list(stream_frames(tmp_path / "a.xyz"))
    for one, other, third in zip(frames, back, streamed, strict=True):
        assert (one.energy, one.n_excess, one.mu, one.u, one.trajectory) == (other.energy, other.n_excess, other.mu, other.u, other.trajectory) == (third.energy, third.n_excess, third.mu, third.u, third.trajectory)


def entry(text, key, value, frame=0):
    """The text with the value of a key changed in one frame (None removes the key); the frame counts from the front."""
    heads = [m.start() for m in re.finditer(r"^.*Properties=.*$", text, re.MULTILINE)]
    start = heads[frame]
    end = text.index("\n", start)
    line = re.sub(rf'(?<!\S){key}=("[^"]*"|\S+)', "" if value is None else f"{key}={value}", text[start:end], count=1)
    return text[:start] + line + text[end:]


def value_of(text, key):
    found = re.search(rf'(?<!\S){key}=("[^"]*"|\S+)', text)
    return None if found is None else found.group(1)


@st.composite
def faults(draw, frames, text):
    """A text with one fault, and the word that must be said of it."""
    frame = draw(st.integers(0, len(frames) - 1))
    change = lambda key, value: (entry(text, key, value, frame), key)
    name = draw(st.sampled_from(["missing", "not finite", "sign of mu", "sign of all n", "word", "mixed kinds", "cut", "hartree", "columns", "type", "shape", "count", "misspelt", "energy unit", "two signs", "twice"]))
    if name == "missing":
        return change(draw(st.sampled_from(REQUIRED)), None)
    if name == "not finite":
        return change(draw(st.sampled_from([k for k in NUMBERS if value_of(text, k)])), draw(st.sampled_from(["nan", "inf", "-inf", "NaN"])))
    if name == "sign of mu":
        return change("eir_mu", -frames[frame].mu)
    if name == "sign of all n":
        return _each(text, frames, "eir_n_excess", lambda f: -f.n_excess), "eir_mu"
    if name == "word":
        key = draw(st.sampled_from([k for k in ENUMS if value_of(text, k)]))
        return change(key, draw(st.text("abcdefghijklmnopqrstuvwxyz_", min_size=2, max_size=12).map(lambda w: f"zz{w}")))
    if name == "mixed kinds":
        return change("eir_energy_kind", "E" if frames[0].energy_kind == "Omega" else "Omega")
    if name == "cut":
        ends = {m.end() for m in re.finditer(r"\n(?=\d+\n)", text)}
        last = text.rstrip("\n").rindex("\n")
        return text[: draw(st.integers(1, last).filter(lambda k: not {k, k + 1} & ends))], ""
    if name == "hartree":
        return change("eir_mu", frames[frame].mu / draw(st.sampled_from([27.2114, 1 / 27.2114])))
    if name == "columns":
        return text.replace("species:S:1:pos:R:3", draw(st.sampled_from(["pos:R:3:species:S:1", "species:S:1:pos:R:2", "species:S:1:pos:I:3"])), 1), ""
    if name == "type":
        key, value = draw(st.sampled_from([("eir_n_excess", "T"), ("eir_mu", "minus_five"), ("eir_scf_converged", "1.5"), ("eir_scf_converged", "yes"), ("eir_version", "1.0"), ("eir_normal", "z"), ("eir_sides", "F"), ("eir_method_id", "7"), ("eir_energy_kind", "T"), ("REF_energy", '"T F"')]))
        return change(key, value)
    if name == "shape":
        key, value = draw(st.sampled_from([("eir_mu", '"-4.9 -5.1"'), ("eir_n_excess", '"0.1 0.2 0.3"'), ("eir_efield", '"0.0 0.1"'), ("eir_efield", "0.1"), ("REF_dipole", '"1.0 2.0 3.0 4.0"')]))
        return (change(key, value) if value_of(text, key) else (text.replace(" eir_mu=", f" {key}={value} eir_mu=", 1), key))
    if name == "count":
        n = len(frames[0].geometry)
        return f"{n + draw(st.sampled_from([-1, 1, 5]))}" + text[len(str(n)) :], ""
    if name == "misspelt":
        key = draw(st.sampled_from(REQUIRED[3:]))
        return text.replace(f" {key}=", f" {key[:-1]}=", 1), key
    if name == "twice":
        key = draw(st.sampled_from(REQUIRED))
        return text.replace(f" {key}=", f" {key}={value_of(text, key)} {key}=", 1), key
    if name == "energy unit" and frames[0].energy_kind == "E":  # in Omega the term mu n is not part of the number
        return _each(text, frames, "REF_energy", lambda f: f.energy / 27.2114), "dE/dn"
    return text.replace(" eir_mu=", f" charge={frames[0].n_excess} eir_mu=", 1), "charge"


def _each(text, frames, key, value):
    for k, frame in enumerate(frames):
        text = entry(text, key, value(frame), k)
    return text


@settings(max_examples=120, **QUICK)
@given(data=st.data(), frames=records())
def test_faults_never_pass_in_silence(tmp_path, data, frames):
    text = text_of(frames, tmp_path / "a.xyz")
    bad, word = data.draw(faults(frames, text))
    assert bad != text
    (tmp_path / "bad.xyz").write_text(bad)
    said = told(tmp_path / "bad.xyz")
    assert "bad.xyz" in said and word in said


@pytest.mark.parametrize("fill", [b"\x00\xff\xfe", b"13\n" * 9, b"Lattice=", b"\n\n\n"])
@settings(max_examples=15, **QUICK)
@given(more=st.binary(max_size=80))
def test_rubbish_is_an_error_of_ours(tmp_path, fill, more):
    (tmp_path / "r.xyz").write_bytes(fill + more)
    with pytest.raises(DataError):
        read_frames(tmp_path / "r.xyz")
