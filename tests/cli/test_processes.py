"""The command as a process of its own: how fast it starts, what it leaves behind, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from scatterkit.cli import main

COMMAND = [sys.executable, "-m", "scatterkit"]
HEAVY = {"keras", "matplotlib", "numba", "numpy.linalg", "pandas", "scipy", "sklearn", "tensorflow", "xarray"}


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, cwd=folder, timeout=300)


def test_help_and_info_load_nothing_heavy(tmp_path):
    code = (
        "import sys; from scatterkit.cli import main; codes = [main([*line.split()]) for line in sys.argv[1:]];"
        "print(codes, file=sys.stderr); print(*sys.modules, file=sys.stderr)"
    )
    lines = ["--help", "info", "info --json", "simulate --help"]
    result = subprocess.run(
        [sys.executable, "-c", code, *lines], capture_output=True, text=True, cwd=tmp_path
    )
    codes, modules = result.stderr.splitlines()[-2:]
    assert codes == "[0, 0, 0, 0]"
    assert set(modules.split()) & (HEAVY - {"numpy.linalg"}) == set()


def test_a_run_without_a_terminal_is_plain_lines(tmp_path):
    line = ["generate", "--samples", "6", "--grid", "8", "--pixels", "8", "--block", "2", "-o", "a.zarr"]
    result = run(*line, folder=tmp_path)
    assert result.returncode == 0
    assert result.stdout == ""
    assert "\r" not in result.stderr
    assert "\x1b" not in result.stderr
    assert "100%" in result.stderr
    assert result.stderr.endswith("scatterkit generate: a.zarr has 6 samples\n")
    assert all(text.strip() for text in result.stderr.splitlines())


def test_quiet_runs_are_quiet(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert (
        main(["generate", "--samples", "2", "--grid", "8", "--pixels", "8", "--quiet", "-o", "a.zarr"]) == 0
    )
    assert capfd.readouterr() == ("", "")


def test_exit_codes(tmp_path):
    assert run("info", folder=tmp_path).returncode == 0
    line = ["view", "missing.npy", "-o", "a.png"]
    failed = run(*line, folder=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "Traceback" not in failed.stderr
    debug = run(*line, "--debug", folder=tmp_path)
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr
    assert run("simulate", folder=tmp_path).returncode == 2


def test_a_reader_that_has_enough_is_no_error(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 1


def test_ctrl_c_ends_with_130_and_the_set_goes_on(tmp_path, monkeypatch):
    line = ["generate", "--samples", "400", "--grid", "32", "--pixels", "64", "--block", "4", "--quiet"]
    process = subprocess.Popen(
        [*COMMAND, *line, "-o", "a.zarr"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "a.zarr/pattern/c.0.0.0").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
            assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert told.count("\n") == 1
    assert "give the same command again to go on" in told
    small = [*line[:2], "8", *line[3:]]
    monkeypatch.chdir(tmp_path)
    assert main([*small, "-o", "b.zarr"]) == 0
    block = Path("pattern/c.0.0.0")
    assert (tmp_path / "a.zarr" / block).read_bytes() == (tmp_path / "b.zarr" / block).read_bytes()
