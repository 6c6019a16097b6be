"""Kernels are kept on disk where that can be, and compiled all the same where it cannot."""

import importlib.util
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from full_disk import room

import electrode
from electrode.physics import _compiled

SOURCE = """
from electrode.physics._compiled import compiled

@compiled(error_model="numpy")
def half(x):
    return 0.5 * x
"""
EVERYTHING = """
import importlib, pkgutil
import electrode.physics
for found in pkgutil.walk_packages(electrode.physics.__path__, "electrode.physics."):
    importlib.import_module(found.name)
from electrode.physics._dense_sums import smeared
print(repr(smeared(4.0, 2.0)[0]))
"""


@pytest.fixture
def half(tmp_path, monkeypatch):
    """Import a module of one kernel anew, as another process would; each time it gives the kernel."""
    (tmp_path / "halves.py").write_text(SOURCE)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))

    def load():
        _compiled._say_not_kept.cache_clear()
        spec = importlib.util.spec_from_file_location("halves", tmp_path / "halves.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "halves", module)
        spec.loader.exec_module(module)
        return module.half

    yield load
    _compiled._say_not_kept.cache_clear()


def test_a_kernel_is_compiled_once_for_all_processes(half, tmp_path, caplog):
    first = half()
    assert first(3.0) == 1.5 and first.stats.cache_misses and list((tmp_path / "__pycache__").glob("*.nbc"))
    again = half()
    assert again(3.0) == 1.5 and again.stats.cache_hits and not again.stats.cache_misses and not caplog.records


def test_no_callback_for_c_is_compiled(half):
    kernel = half()
    assert kernel(3.0) == 1.5 and kernel.targetoptions["no_cfunc_wrapper"]
    assert "cfunc." not in kernel.inspect_llvm(kernel.signatures[0])


def test_without_a_place_it_is_compiled_all_the_same(half, tmp_path, caplog):
    for name in ("__pycache__", "home"):  # files where folders belong: what stops the superuser too
        (tmp_path / name).write_text("")
    assert half()(3.0) == 1.5
    (told,) = caplog.messages
    assert "not kept" in told and "NUMBA_CACHE_DIR" in told and caplog.records[0].name == "electrode"


def test_on_a_full_disk_it_is_compiled_all_the_same(half, tmp_path, caplog):
    with room(0):
        assert half()(3.0) == 1.5 and half()(5) == 2.5
    assert "File too large" in caplog.messages[0] and "has room" in caplog.messages[0]
    assert not list((tmp_path / "__pycache__").glob("*.nb*"))


def test_without_the_compiler_a_kernel_is_the_function(monkeypatch):
    def half(x):
        return 0.5 * x

    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    assert _compiled.compiled(fastmath=True)(half) is half


def test_a_package_that_cannot_be_written_works_without_a_home(tmp_path):
    package = tmp_path / "installed/electrode"
    shutil.copytree(Path(electrode.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "shipped"))
    for folder in {p.parent for p in package.rglob("*.py")}:
        (folder / "__pycache__").write_text("")
    (tmp_path / "nobody").write_text("")
    home = {"HOME": str(tmp_path / "nobody"), "XDG_CACHE_HOME": str(tmp_path / "nobody/cache"), "PYTHONPATH": str(package.parent)}
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | home
    done = subprocess.run([sys.executable, "-W", "error", "-c", EVERYTHING], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(math.erf(math.sqrt(2.0)) / 2.0, rel=1e-14)
    assert done.stderr.count("compiled kernels are not kept") == 1 and done.stderr.count("\n") == 1
