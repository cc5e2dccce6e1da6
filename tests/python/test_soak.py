"""The campaigns of tools/soak.sh, some seconds of each: killed runs, full disks, power cuts."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

import faults
import kill_and_resume
from training import Finding, Training, build_library

pytestmark = pytest.mark.usefixtures("build")


def test_killed_runs_resume_to_the_same_model(tmp_path: Path) -> None:
    counts = kill_and_resume.campaign(Training(tmp_path), random.Random(1), times=8, seconds=1000)
    assert counts["save"] >= 3 and counts["files"] > 8


def test_failing_disks_and_power_cuts_lose_nothing(tmp_path: Path) -> None:
    counts = faults.campaign(Training(tmp_path), random.Random(2), times=8, seconds=1000)
    assert counts["power cut"] >= 2 and len(counts) > 1


def test_a_torn_file_is_a_finding(tmp_path: Path) -> None:
    training = Training(tmp_path)
    training.run_folder.joinpath("model.safetensors").write_bytes(training.model[:-1])
    with pytest.raises(Finding, match="model.safetensors is torn"):
        training.check_files()


WRITER = """
import os, sys
def write(name, text, *, sync):
    file = os.open(name + ".new", os.O_WRONLY | os.O_CREAT)
    os.write(file, text.encode())
    if sync: os.fsync(file)
    os.rename(name + ".new", name)
    os.close(file)
write("file", "old", sync=True)
folder = os.open(".", os.O_RDONLY)
os.fsync(folder)
write("file", "new", sync="file" in sys.argv)
if "folder" in sys.argv: os.fsync(folder)
os.open("last", os.O_WRONLY | os.O_CREAT)
"""


@pytest.mark.parametrize(
    ("synced", "left"), [((), "old"), (("file",), "old"), (("folder",), ""), (("file", "folder"), "new")]
)
def test_a_power_cut_takes_what_was_not_synced(synced: tuple[str, ...], left: str, tmp_path: Path) -> None:
    """Of a program that writes a file twice: without the folder's fsync the old one is back, without its own it is
    empty."""
    library = build_library(tmp_path)
    folder, kept = tmp_path / "folder", tmp_path / "kept"
    folder.mkdir()
    kept.mkdir()
    operations = 9 + len(synced)
    environment = {"LD_PRELOAD": library, "FAULT_FOLDER": folder, "FAULT_KEPT": kept, "FAULT_AT": operations}
    command = [sys.executable, "-c", WRITER, *synced]
    run = subprocess.run(command, cwd=folder, env={k: str(v) for k, v in environment.items()}, check=False, timeout=60)
    assert run.returncode == faults.STATUS_OF_POWER_CUT
    assert (folder / "file").read_text() == left
