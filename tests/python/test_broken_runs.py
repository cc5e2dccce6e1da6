"""Runs that fail or are interrupted: what they say, and that no file is torn."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from common.writing import replacing
from support import BUILD, DATA, MNIST_PROGRAMS, MODEL_BYTES, error_line, run_program


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
@pytest.mark.parametrize("option", ["--output", "--log"])
def test_unwritable_output(program: str, option: str, small_data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for target in ("file/below", ".", "/proc/none/model"):
        result = run_program(program, "--data-dir", small_data, option, target, cwd=tmp_path)
        assert re.match(
            rf"{re.escape(target)}: (cannot be written|is a folder)", error_line(result, program, 1)
        )
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_full_disk(program: str, small_data: Path, tmp_path: Path) -> None:
    args = ["--epochs", "1", "--quiet", "--data-dir", small_data, "--output", "/dev/full"]
    result = run_program(program, *args, cwd=tmp_path)
    assert error_line(result, program, 1) == "/dev/full: writing failed: No space left on device"


@pytest.mark.parametrize("program", [*MNIST_PROGRAMS, "mlp_simple"])
def test_a_file_larger_than_the_limit_keeps_the_old_one(program: str, small_data: Path, tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_text("precious")
    args = ["--epochs", "1", "--quiet", "--output", "m.bin", "--log", ""]
    args += ["--data-dir", str(small_data)] if program in MNIST_PROGRAMS else ["--hidden", "1000"]
    command = ["bash", "-c", 'ulimit -f 16; exec "$@"', "bash", BUILD / program, *args]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    line = f"{program}: error: m.bin: writing failed: File too large\n"
    assert (result.returncode, result.stderr) == (1, line)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("m.bin", "precious")]


@pytest.mark.skipif(
    shutil.which("mount") is None or os.geteuid() != 0, reason="mounting a small disk needs root"
)
def test_full_disk_keeps_the_old_model(small_data: Path, tmp_path: Path) -> None:
    """On a real file system of 1 MB that the new model does not fit on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this container may not mount")
    try:
        (disk / "model.bin").write_text("precious")
        args = ["--epochs", "1", "--quiet", "--data-dir", small_data, "--output", disk / "model.bin"]
        result = run_program("mnist_mlp", *args, cwd=tmp_path)
        assert "No space left on device" in error_line(result, "mnist_mlp", 1)
        assert (disk / "model.bin").read_text() == "precious"
        assert [p.name for p in disk.iterdir()] == ["model.bin"]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_what_killed_writers_left_is_removed(small_data: Path, tmp_path: Path) -> None:
    """By the programs as by the Python tools: what nobody writes any more, and nothing else."""
    args = ["--epochs", "1", "--quiet", "--data-dir", small_data, "--output", "m.bin", "--log", "l.txt"]
    for name in ("m.bin", "l.txt", "other.bin"):
        (tmp_path / f".{name}.0123456789abcdef.tmp").touch()
    with replacing(tmp_path / "m.bin") as temporary:
        temporary.write_text("written at the same time")
        result = run_program("mnist_mlp", *args, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert temporary.exists()
    assert (tmp_path / "m.bin").read_text() == "written at the same time"
    assert sorted(os.listdir(tmp_path)) == [".other.bin.0123456789abcdef.tmp", "l.txt", "m.bin"]


def test_a_pipe_is_written_to_while_it_is_read(tmp_path: Path) -> None:
    """It is refused at once, without waiting, while it is not."""
    os.mkfifo(tmp_path / "pipe")
    args = ["--epochs", "1000", "--output", "pipe"]
    line = error_line(run_program("mlp_simple", *args, cwd=tmp_path, timeout=60), "mlp_simple")
    assert line == "pipe: is a pipe that nobody reads, expected one with a reader"
    with subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE) as reader:
        args = ["--epochs", "1000", "--quiet", "--output"]
        while run_program("mlp_simple", *args, "pipe", cwd=tmp_path, timeout=60).returncode != 0:
            assert reader.poll() is None  # it has not opened the pipe yet
        assert run_program("mlp_simple", *args, "file", cwd=tmp_path).returncode == 0
        assert reader.communicate()[0] == (tmp_path / "file").read_bytes()


@pytest.mark.parametrize("program", [*MNIST_PROGRAMS, "mlp_simple"])
def test_a_model_is_written_though_nobody_reads_what_is_printed(
    program: str, small_data: Path, tmp_path: Path
) -> None:
    """As with `| head -0`."""
    args = ["--output", "m.bin", "--log", "l.txt"]
    args += ["--epochs", "2000"] if program == "mlp_simple" else ["--epochs", "1", "--data-dir", small_data]
    reading, writing = os.pipe()
    os.close(reading)
    command = [BUILD / program, *map(str, args)]
    result = subprocess.run(command, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    line = f"{program}: error: standard output: writing failed, expected a place for all that is printed\n"
    assert (result.returncode, result.stderr) == (1, line)
    assert sorted(os.listdir(tmp_path)) == ["l.txt", "m.bin"]


def test_nan_loss_is_told(small_data: Path, tmp_path: Path) -> None:
    result = run_program("mnist_mlp", "--lr", "1e6", "--data-dir", small_data, "--quiet", cwd=tmp_path)
    assert re.match(
        r"training: the loss is NaN or infinite in epoch 1, ", error_line(result, "mnist_mlp", 1)
    )
    assert not (tmp_path / "mnist_model.bin").exists()


def test_nan_loss_keeps_the_last_good_model(small_data: Path, tmp_path: Path) -> None:
    """The rate rises until the loss overflows, some epochs into the run."""
    args = ["--lr", "1e6", "--schedule", "cosine", "--warmup", "20", "--batch-size", "600", "--epochs", "40"]
    result = run_program("mnist_mlp", *args, "--data-dir", small_data, "--quiet", cwd=tmp_path)
    assert result.returncode == 1 and result.stdout.startswith("test accuracy: ")
    said = r"training: the loss is NaN or infinite after epoch \d+, whose model is kept in mnist_model.bin"
    assert re.search(said, result.stderr)
    assert (tmp_path / "mnist_model.bin").stat().st_size == MODEL_BYTES["mnist_mlp"]


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_ctrl_c_saves_and_reports(program: str, tmp_path: Path) -> None:
    files = ["--data-dir", DATA, "--output", "m.bin", "--log", "l.txt"]
    process = subprocess.Popen(
        [BUILD / program, "--epochs", "1000", *files],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("training:"):
            pass
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "interrupted in epoch" in out and "test accuracy:" in out
    assert (tmp_path / "m.bin").stat().st_size == MODEL_BYTES[program]
