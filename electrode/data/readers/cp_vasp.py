"""CP-VASP: electrons, mu and grand energy of each ionic step from its CPM-ion lines, the rest from the OUTCAR.

    CPM-ion: NSTEP= ... N_ele= N_total  mu_e= mu  TARGETMU= ...  GCE= Omega  cap= ...

stand after the line of energies of each ionic step in OSZICAR and on the standard output.  N_total counts all electrons,
n = N_total - sum of ZVAL, and mu is on the zero of the electrolyte.  The energy is E = TOTEN, to which the forces belong;
GCE is E(sigma->0) - mu n, with the electrons in excess, and must agree.  The printed NELECT is only where the run began.
NESCHEME = 5 lets mu fluctuate: such a frame belongs to a potentiostat and is not at the target.

With VASPsol++ mu = E_F.  With VASPsol mu = E_F + shift, and the output does not say whether TOTEN holds n shift already.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from electrode.data.files import read_text
from electrode.data.problems import Problem, fault, warn
from electrode.data.readers import vasp, vasp_outcar
from electrode.data.readers.text import holding
from electrode.data.readers.vasp_run import Step, number
from electrode.data.record import ElectrifiedFrame

MARK = "CPM-ion:"
TOTEN = ("referenced", "raw")
ENSEMBLES = {"2": "fixed_mu", "5": "potentiostat"}  # NESCHEME; of the others the output does not say it
SAME_FERMI = 0.01  # mu and E_F of one zero [eV]
SAME_GRAND = 0.01  # GCE and E - mu n [eV]
_VALUE = r"\s*(-?\d+\.\d*(?:[EeDd][-+]?\d+)?)"
_LINE = re.compile(rf"^\s*{MARK}.*?N_ele={_VALUE}\s+mu_e={_VALUE}\s+TARGETMU={_VALUE}.*?GCE={_VALUE}", re.MULTILINE)


def recognises(path: Path) -> bool:
    """Say whether a file holds CPM-ion lines, or is VASP's output beside such a file."""
    if path.is_file() and vasp.find(path) is None:
        return any(path.match(p) for p in ("OSZICAR*", *vasp.LOGS)) and bool(holding(path.parent, (path.name,), MARK))
    file = vasp.find(path)
    return file is not None and bool(holding(file.parent, ("OSZICAR*", *vasp.LOGS), MARK))


def read(path: Path, *, outcar: str | Path | None = None, toten: str | None = None, smearing: str = "free", partial: bool = False) -> list[ElectrifiedFrame]:
    """Read every finished ionic step.

    Parameters
    ----------
    path : OSZICAR or standard output with the CPM-ion lines, or the folder (or OUTCAR) beside which one lies
    outcar : None looks beside `path`
    toten : whether TOTEN is "referenced" to the electrolyte or "raw"; needed with VASPsol, not with VASPsol++
    smearing : "free" (TOTEN, what the forces derive from) or "sigma0"
    partial : take the finished steps of a run that was cut

    Raises
    ------
    DataError
        if a file is missing, cut short or damaged, the two files disagree, or `toten` is needed.
    """
    log, output = _files(path, outcar)
    run = vasp.parse(output, smearing, partial)
    lines = [[number(word) for word in match] for match in _LINE.findall(read_text(log, "OSZICAR or standard output of CP-VASP"))]
    if len(lines) < len(run.steps) or (run.finished and len(lines) != len(run.steps)):
        raise fault(log.name, f"{len(lines)} complete CPM-ion lines, but {len(run.steps)} finished steps in {output.name}", "name the two files of one run")
    settings = {**run.tags, **_incar(output.parent)}
    ensemble, width = ENSEMBLES.get(settings.get("NESCHEME", "")), settings.get("FERMICONVERGE")
    frames = []
    for k, (step, line) in enumerate(zip(run.steps, lines)):
        frame = _frame(step, line, toten, vasp.step_frame(run, step, line[0] - run.neutral, output, k, smearing))
        frames.append(replace(frame, ensemble=ensemble, mu_target=line[2], mu_tol=None if width is None else number(width)))
    warn(p for f, step in zip(frames, run.steps) for p in _grand_energy(f, step))
    return frames


def _files(path: Path, outcar: str | Path | None) -> tuple[Path, Path]:
    folder = path if path.is_dir() else path.parent
    is_log = path.is_file() and vasp.find(path) is None
    logs = [path] if is_log else holding(folder, ("OSZICAR*", *vasp.LOGS), MARK)
    if not logs:
        raise fault(path.name, f"no OSZICAR and no standard output with a line {MARK} beside it", "name the file that holds these lines")
    output = Path(outcar) if outcar is not None else vasp.find(folder) if is_log else vasp.find(path)
    if output is None:
        raise fault(path.name, "the CPM-ion lines hold no positions and no OUTCAR lies beside them", "pass outcar=")
    return logs[0], output


def _incar(folder: Path) -> dict[str, str]:
    """Return what only the INCAR says in older versions of VASP."""
    file = folder / "INCAR"
    return vasp_outcar.tags(read_text(file, "INCAR"), ("NESCHEME", "FERMICONVERGE")) if file.is_file() else {}


def _frame(step: Step, line: list[float], toten: str | None, frame: ElectrifiedFrame) -> ElectrifiedFrame:
    electrons, mu, _, grand = line
    n, where = frame.n_excess, frame.where
    if step.electrons is not None and abs(step.electrons - electrons) > vasp.SAME_COUNT:
        raise fault(where, f"{electrons:.4f} electrons in the CPM-ion line, {step.electrons:.4f} in the OUTCAR", "name the two files of one run")
    shift = 0.0 if step.fermi is None else mu - step.fermi
    if abs(shift) > SAME_FERMI and toten not in TOTEN:
        raise fault(where, f"mu_e = {mu:g} eV, but E-fermi = {step.fermi:g}: TOTEN may or may not hold n times the difference", "pass toten='raw' (then it is added here) or toten='referenced'")
    correction = n * shift if abs(shift) > SAME_FERMI and toten == "raw" else 0.0
    return replace(frame, energy=frame.energy + correction, mu=mu, mu_zero="electrolyte", info={**frame.info, "cp_vasp_gce": grand})


def _grand_energy(frame: ElectrifiedFrame, step: Step) -> list[Problem]:
    """Return a warning where GCE is not E(sigma->0) - mu n."""
    grand, free = frame.info["cp_vasp_gce"], step.free if frame.energy_smearing == "free" else step.sigma0
    expected = frame.energy - free + step.sigma0 - frame.mu * frame.n_excess
    if abs(grand - expected) <= SAME_GRAND:
        return []
    return [Problem("warning", frame.where, f"GCE = {grand:.4f} eV, but E(sigma->0) - mu n = {expected:.4f}", "see what GCE means in this version; the energy read is TOTEN's")]
