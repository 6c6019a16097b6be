"""A search in a process of its own, killed outright."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

LOGGED = """
import sys
import time
sys.path.insert(0, {here!r})

def logged(made):
    def calculator(charge=None):
        time.sleep({pause})
        with open({log!r}, "a") as stream:
            stream.write(f"{{charge!r}}\\n")
        return made(charge)
    return calculator

"""


def killed(script, folder, labels, pause=0.1):
    """Run a script until `folder` holds some labels, kill it, and return how many were kept and the charges asked for before.

    Parameters
    ----------
    script : a search in `folder`, with `logged(factory)` as its calculator
    folder : of the search
    labels : how many to wait for
    pause : before each call [s]
    """
    log, here = folder.with_suffix(".log"), str(Path(__file__).parent)
    process = subprocess.Popen([sys.executable, "-c", LOGGED.format(here=here, log=str(log), pause=pause) + script])
    while len(list(folder.glob("call-*.npz"))) < labels and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept, asked = len(list(folder.glob("call-*.npz"))), [float(x) for x in log.read_text().split()]
    assert kept >= labels and len(asked) - kept in (0, 1)  # a call under way has no label yet
    return kept, asked[:kept]
