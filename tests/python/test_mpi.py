"""Training by several processes, with mpirun: the same bits for any number of them, and one line when it fails."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support import BUILD, DATA, run_program

pytestmark = pytest.mark.skipif(
    shutil.which("mpirun") is None or not (BUILD / "libnn_mpi.so").exists(), reason="no MPI here"
)

SMALL = ["--train-limit", 1000, "--test-limit", 200, "--epochs", 2, "--batch-size", 30, "--threads", 1]
NETWORKS = {
    "mnist_mlp": [],
    "mnist_cnn": [],
    "mnist_attention_pool": [],
    "batch norm": ["--layers", "conv 6 3x3, max-pool 2, batch-norm, relu, residual(conv 6 3x3, batch-norm), dense 10"],
}


def mpirun(ranks: int, *args: object, cwd: Path, before: tuple[object, ...] = ()) -> subprocess.Popen[str]:
    """Starts mpirun; `before` are its own options."""
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = ["mpirun", "--oversubscribe", "-n", ranks, *before, *args]
    return subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **allowed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(ranks: int, name: str, *options: object, cwd: Path, program: str = "mnist_cnn") -> tuple[int, str, list[str]]:
    """The exit status, standard output, and what the program, not mpirun, says on standard error."""
    command = [BUILD / program, "--data-dir", DATA, "--output", name, *options]
    process = mpirun(ranks, *command, cwd=cwd)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, [line for line in err.splitlines() if line.startswith(program)]


@pytest.mark.parametrize("network", NETWORKS)
def test_any_number_of_processes_trains_the_same_model(network: str, tmp_path: Path) -> None:
    program = network if network.startswith("mnist") else "mnist_cnn"
    options = [*SMALL, *NETWORKS[network]]
    for ranks in (1, 2, 3, 4):
        status, out, said = run(ranks, f"{ranks}.safetensors", *options, cwd=tmp_path, program=program)
        assert (status, said) == (0, []), (out, said)
        assert out.count("test accuracy") == 1  # rank 0 speaks for all
    models = [(tmp_path / f"{ranks}.safetensors").read_bytes() for ranks in (1, 2, 3, 4)]
    assert all(model == models[0] for model in models)

    plain = ["--data-dir", DATA, *options]
    run_program(program, *plain, "--shards", 8, "--output", "shards.safetensors", cwd=tmp_path)
    assert (tmp_path / "shards.safetensors").read_bytes() == models[0]
    run_program(program, *plain, "--output", "plain.safetensors", cwd=tmp_path)
    losses = [
        [float(row.split(",")[1]) for row in (tmp_path / "logs" / f"{name}.txt").read_text().splitlines()[1:]]
        for name in ("1", "plain")
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_a_run_is_resumed_by_another_number_of_processes(tmp_path: Path) -> None:
    options = [*SMALL, *NETWORKS["batch norm"], "--optimizer", "adam", "--ema", 0.9]
    run(2, "whole.safetensors", *options, cwd=tmp_path)
    shorter = [word if word != 2 else 1 for word in options]
    run(3, "part.safetensors", *shorter, "--checkpoint-dir", "c", cwd=tmp_path)
    status, out, said = run(2, "part.safetensors", "--resume", "c", "--epochs", 2, cwd=tmp_path)
    assert (status, said) == (0, []), (out, said)
    models = [(tmp_path / f"{name}.safetensors").read_bytes() for name in ("whole", "part")]
    assert models[0] == models[1]


def test_one_line_for_all_when_they_cannot_begin(tmp_path: Path) -> None:
    status, out, said = run(3, "a.safetensors", "--lr", 0, cwd=tmp_path)
    assert (status, out, len(said)) == (2, "", 1) and "--lr" in said[0]
    status, _, said = run(3, "a.safetensors", "--shards", 2, cwd=tmp_path)
    assert status == 2 and said == ["mnist_cnn: error: --shards: found 2, expected at least 3, the number of processes"]
    (tmp_path / "a.safetensors").mkdir()  # only rank 0 would write it
    status, _, said = run(2, "a.safetensors", *SMALL, cwd=tmp_path)
    assert status == 1 and len(said) == 1 and "a.safetensors" in said[0]
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize("option", [["--save-config", "-"], ["--show-network"]])
def test_what_only_prints_does_so_once(option: list[str], tmp_path: Path) -> None:
    options = [*option, "--shards", 8, "--threads", 1]
    alone = run_program("mnist_cnn", "--data-dir", DATA, "--output", "a.safetensors", *options, cwd=tmp_path)
    assert run(2, "a.safetensors", *options, cwd=tmp_path) == (0, alone.stdout, [])


def test_processes_with_other_data_are_refused(tmp_path: Path) -> None:
    program = [BUILD / "mnist_cnn", "--output", "a.safetensors", *SMALL]
    process = mpirun(
        1, *program, "--data-dir", DATA, ":", "-n", 1, *program, "--data-dir", tmp_path / "no", cwd=tmp_path
    )
    _, err = process.communicate(timeout=60)
    said = [line for line in err.splitlines() if line.startswith("mnist_cnn")]
    assert process.returncode == 1 and len(said) == 1 and "rank 1 of 2" in said[0] and "no" in said[0], err

    process = mpirun(
        1, *program, "--data-dir", DATA, ":", "-n", 1, *program, "--data-dir", DATA, "--train-limit", 900, cwd=tmp_path
    )
    _, err = process.communicate(timeout=60)
    said = [line for line in err.splitlines() if line.startswith("mnist_cnn")]
    assert process.returncode == 1 and len(said) == 1, err
    assert said[0].startswith("mnist_cnn: error: rank 1 of 2: found ") and said[0].endswith(", as rank 0 has")
    assert not (tmp_path / "a.safetensors").exists()


def processes_of(parent: int) -> list[int]:
    """The trainers that an mpirun has started, in the order of their ranks."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if "mnist_cnn" in Path(f"/proc/{child}/comm").read_text()]


def runs(pid: int) -> bool:
    """Whether a process has not ended; one that nobody has asked for its status is still listed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_all_end_when_one_is_killed_and_the_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    options = ["--data-dir", DATA, "--train-limit", 3000, "--test-limit", 200, "--epochs", 6, "--threads", 1]
    run_program("mnist_cnn", *options, "--shards", 8, "--output", "whole.safetensors", cwd=tmp_path)
    whole = (tmp_path / "whole.safetensors").read_bytes()
    generator = random.Random(1)
    for victim in (0, 1, 2):
        folder = tmp_path / f"c{victim}"
        command = [BUILD / "mnist_cnn", *options, "--checkpoint-dir", folder, "--output", "part.safetensors"]
        process = mpirun(3, *command, cwd=tmp_path)
        while not list(folder.glob("*.safetensors")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        time.sleep(generator.uniform(0, 0.1))
        started = processes_of(process.pid)
        if started:  # else it was faster
            os.kill(started[victim], signal.SIGKILL)
        begin = time.monotonic()
        process.communicate(timeout=60)
        while any(runs(pid) for pid in started):
            assert time.monotonic() - begin < 5
            time.sleep(0.01)
        status, _, said = run(2, "part.safetensors", "--resume", folder, cwd=tmp_path)
        assert (status, said) == (0, [])
        assert (tmp_path / "part.safetensors").read_bytes() == whole
        (tmp_path / "part.safetensors").unlink()


def test_an_interrupt_saves_what_there_is(tmp_path: Path) -> None:
    command = [BUILD / "mnist_cnn", "--data-dir", DATA, "--epochs", 500, "--threads", 1, "--checkpoint-dir", "c"]
    process = mpirun(2, *command, "--output", "a.safetensors", cwd=tmp_path)
    while not list((tmp_path / "c").glob("*.safetensors")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "interrupted in epoch" in out, (out, err)
    assert (tmp_path / "a.safetensors").exists() and (tmp_path / "c" / "latest.safetensors").exists()
