"""Bad inputs, row by row: what is refused (R), warned of (W) or handled, through the entry points that users call.

Rows 1 to 13 and 16 are frames in a file; rows 14 and 15 are outputs of VASPsol and VASPsol++, and the frames they leave.
"""

import io
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc111
from ase.io import write
from toys import ChargeToy, one_atom

from electrode import ElectrodeCalculator
from electrode.data.files import read_frames
from electrode.data.problems import DataError
from electrode.data.readers.registry import read

MU_NEUTRAL, HARDNESS, ELECTRONS = -5.3, 1.7, 133.0
OUTPUTS = Path(__file__).parent / "data/outputs"


def frame(n=0.23, remove=(), **changes):
    """H on Au(111) with n excess electrons, its energy consistent with mu; `changes` are entries of the comment line."""
    atoms = fcc111("Au", (2, 2, 3), vacuum=8.0)
    add_adsorbate(atoms, "H", 1.0, "fcc")
    energy = -22.75 + MU_NEUTRAL * n + 0.5 * HARDNESS * n**2
    entries = {
        "eir_version": 1, "REF_energy": energy, "eir_energy_kind": "E", "eir_n_excess": n, "eir_mu": MU_NEUTRAL + HARDNESS * n,
        "eir_mu_zero": "electrolyte", "eir_ensemble": "fixed_n", "eir_phi_she": 4.44, "eir_countercharge": "jellium_slab", "eir_normal": 2,
        "eir_sides": 1, "eir_scf_converged": True, "eir_method_id": "gpaw_sjm", **changes,
    }  # fmt: skip
    atoms.info = {k: v for k, v in entries.items() if k not in remove}
    atoms.arrays["REF_forces"] = np.random.default_rng(3).normal(size=(len(atoms), 3))
    return atoms


def series(**changes):
    """One geometry at four charges."""
    return [frame(n, **changes) for n in (-0.4, 0.0, 0.25, 0.6)]


def refused(tmp_path, frames, message):
    """Expect that reading a file of these frames is refused, once and with the name of the file."""
    buffer = io.StringIO()
    write(buffer, frames, format="extxyz")
    (tmp_path / "bad.xyz").write_text(buffer.getvalue())
    with pytest.raises(DataError, match=message) as caught:
        read_frames(tmp_path / "bad.xyz")
    assert "bad.xyz" in str(caught.value) and "Do: " in str(caught.value)


def total(n):
    """The grand energy counted with all electrons, Omega - mu n_neutral."""
    mu = MU_NEUTRAL + HARDNESS * n
    return -22.75 + MU_NEUTRAL * n + 0.5 * HARDNESS * n**2 - mu * (n + ELECTRONS)


ROWS = {  # row: (input, frames, message)
    "1 NaN or infinity in an energy": ([frame(), frame(REF_energy=float("nan"))], "frame 1: REF_energy: expected finite"),
    "1 NaN or infinity in n": ([frame(eir_n_excess=float("inf"))], "eir_n_excess: expected finite"),
    "1 NaN or infinity in mu": ([frame(eir_mu=float("nan"))], "eir_mu: expected finite"),
    "1 NaN or infinity in the field": ([frame(eir_efield=np.array([0, 0, np.nan]))], "eir_efield: expected finite"),
    "2 the kind of energy is missing": ([frame(remove=("eir_energy_kind",))], "eir_energy_kind is missing.*assume="),
    "2 E and Omega in one set": ([frame(), frame(0.3, eir_energy_kind="Omega")], "eir_energy_kind: expected one kind in a set.*convert"),
    "3 the charge is missing on some frames": ([frame(), frame(remove=("eir_n_excess",))], "frame 1: eir_n_excess is missing"),
    "4 'electron' is a charge and a count in one file": (
        [frame(n, remove=("eir_n_excess",), electron=e) for n, e in ((0.1, 661.7), (0.4, 1.49))], "661.7.*ambiguous",
    ),
    "5 n and Q with one sign": ([frame(charge=0.23)], "contradicts 'charge'.*signs are opposite"),
    "6 electrons counted do not give the excess": ([frame(eir_nelect=133.5, eir_nelect_neutral=ELECTRONS)], "eir_nelect - eir_nelect_neutral = 0.5"),
    "7 mu is positive": ([frame(eir_mu=4.6)], "eir_mu = 4.6 eV: expected a negative number.*mu = -Phi"),
    "7 mu is below -12 eV": ([frame(eir_mu=-13.6)], "eir_mu = -13.6 eV: expected -12 to 0.*Rydberg or hartree"),
    "8 mu is in hartree": ([frame(eir_mu=-0.1801)], "looks like hartree.*27.2114, which gives -4.901 eV"),
    "9 a potential without its scale": ([frame(eir_u=0.47)], "without a scale"),
    "9 a bare electrode_potential": ([frame(remove=("eir_mu",), electrode_potential=4.9)], "'electrode_potential' = 4.9 without a scale"),
    "9 a potential on RHE without the pH": ([frame(eir_u=0.47, eir_u_scale="rhe")], "needs ph"),
    "10 two levels of SHE in one method": ([frame(), frame(0.4, eir_phi_she=4.66)], "eir_phi_she.*4.44.*4.66"),
    "11 the cell's average as zero of a potential": ([frame(eir_u=0.47, eir_u_scale="she", eir_mu_zero="cell_average")], "'cell_average' is never converted"),
    "12 dE/dn of a uniform background": (series(eir_countercharge="uniform"), "uniform background charge with several charges"),
    "13 Omega of all electrons labelled as that of the excess": (
        [frame(n, REF_energy=total(n), eir_energy_kind="Omega") for n in (-0.4, 0.0)], "dE/dn = -231.740 eV .* eir_mu is -5.640",
    ),
    "13 the same where the number of electrons is known": (
        [frame(n, REF_energy=total(n), eir_energy_kind="Omega", eir_nelect_neutral=ELECTRONS) for n in (-0.4, 0.0)], "perhaps the energies are of kind Omega_total",
    ),
    "16 a frame is not converged": ([frame(eir_scf_converged=False)], "eir_scf_converged = F.*drop the frame"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_a_file_is_refused(tmp_path, row):
    refused(tmp_path, *ROWS[row])


def test_the_good_frames_are_read(tmp_path):
    """Without the faults above the same frames pass, so that each row fails for its own reason."""
    write(tmp_path / "good.xyz", series(), format="extxyz")
    assert [f.n_excess for f in read_frames(tmp_path / "good.xyz")] == [-0.4, 0.0, 0.25, 0.6]


def test_row_1_positions_cell_and_forces(tmp_path):
    buffer = io.StringIO()
    write(buffer, frame(), format="extxyz")
    lines = buffer.getvalue().split("\n")
    words = lines[3].split()
    for column, name in ((2, "positions"), (-1, "REF_forces")):
        words_now = [*words]
        words_now[column] = "nan"
        (tmp_path / "bad.xyz").write_text("\n".join([*lines[:3], " ".join(words_now), *lines[4:]]))
        with pytest.raises(DataError, match=f"{name}: expected finite numbers"):
            read_frames(tmp_path / "bad.xyz")
    (tmp_path / "bad.xyz").write_text(buffer.getvalue().replace('Lattice="', 'Lattice="nan ', 1).replace(" 0.0 ", " ", 1))
    with pytest.raises(DataError, match="cell: expected finite numbers"):
        read_frames(tmp_path / "bad.xyz")


def test_row_1_at_the_calculator():
    atoms = one_atom()
    atoms.calc = ElectrodeCalculator(ChargeToy(), charge=0.1)
    atoms.positions[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity"):
        atoms.get_potential_energy()


def test_row_5_passes_with_the_right_sign(tmp_path):
    write(tmp_path / "a.xyz", frame(charge=-0.23), format="extxyz")
    with pytest.warns(UserWarning, match="net charge Q"):
        assert read_frames(tmp_path / "a.xyz")[0].n_excess == 0.23


def test_row_9_at_the_calculator():
    with pytest.raises(ValueError, match="needs its scale"):
        ElectrodeCalculator(ChargeToy(), potential=-0.5)
    with pytest.raises(ValueError, match="needs ph"):
        ElectrodeCalculator(ChargeToy(), potential=-0.5, reference="RHE")


def test_row_12_is_a_warning_for_a_single_charge(tmp_path):
    write(tmp_path / "a.xyz", frame(eir_countercharge="uniform"), format="extxyz")
    with pytest.warns(UserWarning, match="uniform background"):
        assert len(read_frames(tmp_path / "a.xyz")) == 1


@pytest.mark.parametrize("content", [None, " FERMI_SHIFT =   0.000000000000000E+000\n   1 F= -.14656248E+02 E0= -.14652248E+02\n"])
def test_row_14_a_charged_slab_in_vaspsol_without_its_shift(tmp_path, content):
    (tmp_path / "OUTCAR").write_bytes((OUTPUTS / "vaspsol/OUTCAR").read_bytes())
    if content is not None:
        (tmp_path / "vasp.out").write_text(content)
    with pytest.raises(DataError, match="n = 0.05.*without a FERMI_SHIFT that is not zero.*Do: pass stdout="), pytest.warns(UserWarning, match="vasp.out") if content else nullcontext():
        read(tmp_path / "OUTCAR")


def test_row_15_a_target_that_vaspsolpp_never_went_for(tmp_path):
    text = (OUTPUTS / "vaspsolpp/OUTCAR").read_text()
    (tmp_path / "OUTCAR").write_text(text.replace("NSW    =      5", "NSW    =      0"))
    with pytest.warns(UserWarning) as caught:
        assert read(tmp_path / "OUTCAR")[0].mu == -5.3
    said = " ".join(str(w.message) for w in caught)
    assert "EFERMI_ref = -4.6 with NSW = 0" in said and "eir_mu = -5.3 eV misses its target -4.6" in said


def test_row_15_an_electron_number_that_was_never_updated(tmp_path):
    write(tmp_path / "a.xyz", frame(eir_ensemble="fixed_mu", eir_mu_target=-4.44, eir_mu_tol=0.01), format="extxyz")
    with pytest.warns(UserWarning, match="misses its target -4.44.*electron number was updated"):
        assert len(read_frames(tmp_path / "a.xyz")) == 1


def test_row_16_passes_with_a_warning_when_asked(tmp_path):
    write(tmp_path / "a.xyz", frame(eir_scf_converged=False), format="extxyz")
    with pytest.warns(UserWarning, match="eir_scf_converged = F"):
        assert len(read_frames(tmp_path / "a.xyz", strict=False)) == 1


def test_row_16_mu_must_rise_with_the_electrons(tmp_path):
    frames = series()
    frames[2].info["eir_mu"], frames[3].info["eir_mu"] = frames[3].info["eir_mu"], frames[2].info["eir_mu"]
    refused(tmp_path, frames, "eir_mu falls from .* as n rises")
