"""OpenMM ConstantPotentialForce on a stored capacitor: time of a step; prints a line of JSON and stores forces and charges."""

import json
import os
import sys
import time

os.environ["OPENMM_CPU_THREADS"] = "1"

import numpy as np  # noqa: E402
import openmm  # noqa: E402

KJ_PER_MOL = 96.48533212331  # of 1 eV


def prepared(system, options):
    """Return context and force."""
    a, b, c = system["cell"] / 10.0
    world, force = openmm.System(), openmm.ConstantPotentialForce()
    world.setDefaultPeriodicBoxVectors(openmm.Vec3(a, 0, 0), openmm.Vec3(0, b, 0), openmm.Vec3(0, 0, c))
    for q, part in zip(system["charges"], system["part"]):
        world.addParticle(0.0 if part else 10.0)
        force.addParticle(float(q))
    force.setCutoffDistance(min(options["cutoff"], 0.499 * min(system["cell"])) / 10.0)
    force.setEwaldErrorTolerance(options["accuracy"])
    force.setConstantPotentialMethod(getattr(force, options["algorithm"]))
    force.setCGErrorTolerance(1e-2)
    for part, v in ((1, -0.5 * options["voltage"]), (2, 0.5 * options["voltage"])):
        atoms = set(np.flatnonzero(system["part"] == part).tolist())
        force.addElectrode(atoms, v * KJ_PER_MOL, np.sqrt(2.0) * options["width"] / 10.0, 0.0)
    force.setUseChargeConstraint(True)
    world.addForce(force)
    integrator, platform = openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("CPU")
    return openmm.Context(world, integrator, platform, {"Threads": "1"}), force


def evaluated(context, positions):
    """Return the forces (N, 3) [eV/A]; energy is computed too."""
    context.setPositions(positions / 10.0)
    state = context.getState(energy=True, forces=True)
    state.getPotentialEnergy()
    return state.getForces(asNumpy=True)._value / (10.0 * KJ_PER_MOL)


def main(system, options):
    """Time steps in blocks, after two that warm up."""
    start = time.process_time()
    context, force = prepared(system, options)
    evaluated(context, system["positions"])
    setup = time.process_time() - start
    x = system["positions"].copy()
    for _ in range(2):
        x += system["velocity"]
        evaluated(context, x)
    times = []
    for _ in range(options["blocks"]):
        start = time.process_time()
        for _ in range(options["steps"]):
            x += system["velocity"]
            forces = evaluated(context, x)
        times.append((time.process_time() - start) / options["steps"])
    charges = force.getCharges(context)
    np.savez(options["out"], positions=x, forces=forces, charges=np.array(getattr(charges, "_value", charges), float))
    print(json.dumps({"setup": setup, "step": times}))


main(dict(np.load(sys.argv[1])), json.loads(sys.argv[2]))
