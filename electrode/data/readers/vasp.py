"""VASP, VASPsol and VASPsol++: OUTCAR or vasprun.xml, to E, n and mu.

With n = NELECT - sum of ZVAL, and TOTEN and E_F as printed:

    vacuum, n = 0               E = TOTEN                     mu = E_F, zero at the average of the cell, or on `vacuum_level`
    vacuum, n != 0              no energy: the uniform background leaves it without a common zero
    VASPsol                     E = TOTEN + n FERMI_SHIFT     mu = E_F + FERMI_SHIFT
    VASPsol++                   E = TOTEN                     mu = E_F
    VASPsol++, EFERMI_ref < 0   E = TOTEN + n EFERMI_ref      mu = E_F

FERMI_SHIFT stands only on the standard output.  VASPsol++ adds -n EFERMI_ref, with the target and not with the E_F that was
reached, so the last row is exact at every step.  The two are told apart by the line ISOL, which only VASPsol++ writes.

Mathew, Kolluru, Mula, Steinmann, Hennig 2019, J. Chem. Phys. 151, 234101, doi:10.1063/1.5132354.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from electrode.data.files import read_text
from electrode.data.problems import Problem, fault, warn
from electrode.data.readers import vasp_outcar, vasp_xml
from electrode.data.readers.outputs import output_frame
from electrode.data.readers.text import holding, opening
from electrode.data.readers.vasp_run import Run, Step, number, truth
from electrode.data.record import ElectrifiedFrame

LOGS = ("*.out", "*.log", "stdout*", "log*", "slurm*")  # names of the standard output
SHIFTED = ("vaspsol", "vaspsolpp_isol1")  # models whose zero may need FERMI_SHIFT
SMEARINGS = ("free", "sigma0")
SAME_COUNT = 1e-3  # electrons of a step and NELECT, which has four decimals [e]
NEUTRAL = 5e-5  # below this the electrons counted on the grid are those of the neutral cell [e]
NO_IONS = 1e4  # a Debye length above this means none [A]
FERMI_DIGITS = 1e-4  # of E-fermi in OUTCAR [eV]; VASPsol++ takes 10 EDIFF where EFERMI_tol is not given


def recognises(path: Path) -> bool:
    """Say whether a file or folder is the output of VASP without the lines of CP-VASP."""
    file = find(path)
    return file is not None and not holding(file.parent, ("OSZICAR*", *LOGS), "CPM-ion:")


def read(
    path: Path, *, stdout: str | Path | None = None, fermi_shift: float | None = None, vacuum_level: float | None = None, smearing: str = "free", partial: bool = False
) -> list[ElectrifiedFrame]:
    """Read every finished ionic step.

    Parameters
    ----------
    path : OUTCAR, vasprun.xml or the folder that holds one
    stdout : the standard output, for FERMI_SHIFT; None looks beside the file
    fermi_shift : float [eV], instead of the standard output; 0.0 says that the energies are referenced already
    vacuum_level : float [eV], plateau of LOCPOT, for slabs in vacuum
    smearing : "free" (TOTEN, what the forces derive from) or "sigma0"
    partial : take the finished steps of a run that was cut

    Raises
    ------
    DataError
        if the file is cut short or damaged, the electrons were changed by another program, or a charged cell in VASPsol
        lacks a FERMI_SHIFT that is not zero.
    """
    run = parse(path, smearing, partial)
    _refuse_unused(run, path, stdout, fermi_shift, vacuum_level)
    shifts = _shifts(run, path, stdout, fermi_shift)
    if potential_target(run) and number(run.tags.get("NSW")) == 0:
        still = f"EFERMI_ref = {potential_target(run):g} with NSW = 0: VASPsol++ changes the electrons only between ionic steps, so mu stays where it was"
        warn([Problem("warning", path.name, still, "use the actual eir_mu, or run with NSW > 0")])
    frames = []
    for k, (step, shift) in enumerate(zip(run.steps, shifts, strict=True)):
        n = excess(run, step, f"{path.name} step {k}")
        frame = step_frame(run, step, n, path, k, smearing)
        frames.append(_with_energy(frame, run, step.fermi, shift, vacuum_level))
    left_out = [f for f in frames if f.energy_kind == "none"]
    what = "n = {:g} in a uniform background: the energy is left out (eir_energy_kind = none)"
    warn(Problem("warning", f.where, what.format(f.n_excess), "use the forces only, or a counter-charge with a defined zero") for f in left_out)
    return frames


def _refuse_unused(run: Run, path: Path, stdout: str | Path | None, fermi_shift: float | None, vacuum_level: float | None) -> None:
    if vacuum_level is not None and run.model is not None:
        raise fault(path.name, f"vacuum_level was given, but the run has the solvation model {run.model}", "drop vacuum_level=; mu stands on the electrolyte")
    if run.model not in SHIFTED and (stdout is not None or fermi_shift is not None):
        raise fault(path.name, f"a FERMI_SHIFT was given, but {run.model or 'a run without solvation'} has none", "drop stdout= and fermi_shift=")


def find(path: Path) -> Path | None:
    """Return the OUTCAR or vasprun.xml that a path means, or None."""
    files = [path] if path.is_file() else [f for f in (path / "OUTCAR", path / "OUTCAR.gz", path / "vasprun.xml") if f.is_file()]
    return next((f for f in files if re.match(r"\s*vasp\.\d", opening(f)) or ("<modeling>" in opening(f) and ">vasp" in opening(f))), None)


def parse(path: Path, smearing: str, partial: bool) -> Run:
    """Return what the OUTCAR or vasprun.xml of a path says; refuse a run that was cut, unless `partial`."""
    if smearing not in SMEARINGS:
        raise fault(path.name, f"smearing = {smearing!r}: expected one of {', '.join(SMEARINGS)}", "give the energy that is meant")
    file = find(path)
    if file is None:
        if path.is_file():
            read_text(path, "OUTCAR or vasprun.xml")
        raise fault(path.name, "neither OUTCAR nor vasprun.xml of VASP", "name one of these files, or their folder")
    text = read_text(file, "OUTCAR or vasprun.xml")
    run = vasp_xml.parse(text, file.name) if "<modeling>" in text[:400] else vasp_outcar.parse(text, file.name)
    if not run.finished and not partial:
        raise fault(file.name, f"the output is cut short after {len(run.steps)} finished steps", "finish the run, or pass partial=True to take its finished steps")
    return run


def potential_target(run: Run) -> float:
    """Return EFERMI_ref of a run of VASPsol++ at constant potential [eV], or 0 where the electrons are fixed."""
    return min(number(run.solvation.get("EFERMI_REF")), 0.0)


def excess(run: Run, step: Step, where: str) -> float:
    """Return the excess electrons of a step; raises if they are not those of NELECT though VASPsol++ does not change them."""
    if "NELECT" not in run.tags:
        raise fault(where, "the number of electrons (NELECT) is missing", "fetch the whole file")
    total, fixed = number(run.tags["NELECT"]), not potential_target(run)
    if not fixed and step.electrons is None and number(run.tags.get("NSW")) > 0:
        raise fault(where, "vasprun.xml does not hold the electrons of each step of a run at constant potential", "read the OUTCAR")
    if fixed and step.electrons is not None and abs(step.electrons - total) > SAME_COUNT:
        raise fault(where, f"{step.electrons:.4f} electrons, but NELECT = {total:.4f}: another program changes them", "read CP-VASP with format='cp-vasp'; other tools write their own log")
    n = (total if step.electrons is None else step.electrons) - run.neutral
    return 0.0 if abs(n) < NEUTRAL else n


def step_frame(run: Run, step: Step, n: float, path: Path, k: int, smearing: str) -> ElectrifiedFrame:
    """Return the frame of a step as printed, with TOTEN for its energy and without mu."""
    debye, dipole = number(run.solvation.get("LAMBDA_D_K")), int(number(run.tags.get("IDIPOL")))
    frame = output_frame(
        "vasp", path, k, step.atoms, info={"vasp_toten": step.free, "vasp_sigma0": step.sigma0}, energy=step.free if smearing == "free" else step.sigma0,
        energy_kind="E", energy_smearing=smearing, n_excess=n, nelect=run.neutral + n, nelect_neutral=run.neutral, ensemble="fixed_n",
        countercharge=_countercharge(run, n), solvation=run.model, debye_length=debye if 0 < debye < NO_IONS else None,
        normal=dipole - 1 if dipole in (1, 2, 3) else None, scf_converged=step.converged, method_id=run.method, forces=step.forces,
    )  # fmt: skip
    if potential_target(run):
        return replace(frame, ensemble="fixed_mu", mu_target=potential_target(run), mu_tol=max(number(run.solvation.get("EFERMI_TOL")) or 10 * number(run.tags.get("EDIFF")), FERMI_DIGITS))
    return frame


def _countercharge(run: Run, n: float) -> str:
    """Name what compensates the charge: the ions of the electrolyte, or a uniform background where there are none."""
    debye, ions = number(run.solvation.get("LAMBDA_D_K")), number(run.solvation.get("C_MOLAR"))
    if run.model is None or not (0 < debye < NO_IONS or ions > 0):
        return "uniform" if n else "none"
    return "pb_nonlinear" if run.model == "vaspsolpp_isol2" and truth(run.solvation.get("LNLION", "T")) else "pb_linear"


def _with_energy(frame: ElectrifiedFrame, run: Run, fermi: float | None, shift: float | None, vacuum_level: float | None) -> ElectrifiedFrame:
    """Return the frame with E, mu and its zero; see the table above."""
    n = frame.n_excess
    if frame.countercharge == "uniform":
        return replace(frame, energy=None, energy_kind="none", mu=fermi, mu_zero="cell_average")
    if run.model is None or frame.countercharge == "none":
        return replace(frame, mu=_plus(fermi, -(vacuum_level or 0.0)), mu_zero="cell_average" if vacuum_level is None else "vacuum_top")
    if run.model == "vaspsolpp_isol2":
        shift = 0.0
    if shift is None and n:
        mend = "pass stdout= with the standard output (pot.F patched, PREC = Accurate), or fermi_shift=; fermi_shift=0.0 for VASPsol++ with ISOL = 1"
        raise fault(frame.where, f"n = {n:g} in VASPsol without a FERMI_SHIFT that is not zero", mend)
    energy = frame.energy + n * ((shift or 0.0) + potential_target(run))
    return replace(frame, energy=energy, mu=_plus(fermi, shift or 0.0), mu_zero="cell_average" if shift is None else "electrolyte")


def _plus(level: float | None, shift: float) -> float | None:
    return None if level is None else level + shift


def _shifts(run: Run, path: Path, stdout: str | Path | None, given: float | None) -> list[float | None]:
    """Return FERMI_SHIFT for each step, None where it is missing or zero."""
    if given is not None or run.model not in SHIFTED:
        return [given] * len(run.steps)
    folder = path if path.is_dir() else path.parent
    files = [Path(stdout)] if stdout is not None else holding(folder, LOGS, "FERMI_SHIFT =")
    if len(files) > 1:
        raise fault(path.name, f"FERMI_SHIFT stands in several files: {', '.join(f.name for f in files)}", "pass stdout= with the one of this run")
    if not files:
        return [None] * len(run.steps)
    if stdout is None:
        warn([Problem("warning", path.name, f"FERMI_SHIFT is taken from {files[0].name} beside it", "pass stdout= if another file belongs to this run")])
    pieces = re.split(r"^.*\bF=.*$", read_text(files[0], "standard output of VASP"), flags=re.MULTILINE)[:-1]
    if len(pieces) < len(run.steps) or (run.finished and len(pieces) != len(run.steps)):
        raise fault(files[0].name, f"{len(pieces)} finished ionic steps, but {len(run.steps)} in {path.name}", "name the standard output of the same run")
    found = [re.findall(r"FERMI_SHIFT =\s+(\S+)", piece) for piece in pieces[: len(run.steps)]]
    return [(number(f[-1]) or None) if f else None for f in found]
