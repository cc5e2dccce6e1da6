"""The MNIST programs train as promised: on real data, with every choice, to the same bits for any threads."""

import fcntl
import gzip
import hashlib
import os
import re
import struct
import subprocess
import termios
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from support import DATA, LOG_HEADER, MNIST_PROGRAMS, MODEL_BYTES, random_images, run_program

# As an independent implementation of the same definition has them.
MLP_LOSSES = [
    *(0.804809, 0.398147, 0.337447, 0.305316, 0.282687),
    *(0.264696, 0.249813, 0.236668, 0.224997, 0.214388),
]


def test_the_data_is_mnist() -> None:
    wanted = {
        "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }
    for part, sha256 in wanted.items():
        (packed,) = DATA.glob(f"{part}*.gz")
        assert hashlib.sha256(gzip.decompress(packed.read_bytes())).hexdigest() == sha256


@pytest.mark.parametrize(
    ("program", "losses", "accuracy"),
    [
        ("mnist_mlp", MLP_LOSSES, 94.25),
        ("mnist_cnn", [0.601773, 0.311093, 0.274596], 92.60),
        ("mnist_attention_pool", [2.208794], 30.18),
    ],
)
def test_reference_losses(program: str, losses: list[float], accuracy: float, tmp_path: Path) -> None:
    args = ["--epochs", len(losses), "--data-dir", DATA, "--log", "run.txt", "--output", "model.bin"]
    result = run_program(program, *args, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    log = np.loadtxt(tmp_path / "run.txt", delimiter=",", ndmin=2)
    np.testing.assert_allclose(log[:, 1], losses, atol=2e-4)
    assert (tmp_path / "run.txt").read_text().startswith(LOG_HEADER)
    assert "seed 42" in result.stdout
    found = float(re.search(r"test accuracy: ([\d.]+) %", result.stdout)[1])
    assert abs(found - accuracy) <= 0.1
    assert (tmp_path / "model.bin").stat().st_size == MODEL_BYTES[program]


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_same_model_for_any_number_of_threads(program: str, small_data: Path, tmp_path: Path) -> None:
    hashes = {}
    for threads in (1, 2, 3, 4):
        args = [
            "--epochs",
            2,
            "--threads",
            threads,
            "--data-dir",
            small_data,
            "--output",
            "model.bin",
            "--quiet",
        ]
        result = run_program(program, *args, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        hashes[threads] = hashlib.sha256((tmp_path / "model.bin").read_bytes()).hexdigest()
        print(f"{program} --threads {threads}: SHA-256 of the model {hashes[threads]}")
    assert len(set(hashes.values())) == 1


@pytest.mark.parametrize(
    ("program", "args"),
    [
        ("mnist_mlp", ["--optimizer", "adam", "--lr", "0.001"]),
        ("mnist_mlp", ["--optimizer", "nesterov", "--schedule", "cosine", "--augment", "shift=2,rotate=10"]),
        (
            "mnist_cnn",
            ["--optimizer", "adamw", "--lr", "0.002", "--weight-decay", "0.01", "--clip-norm", "1"],
        ),
        ("mnist_attention_pool", ["--optimizer", "momentum", "--schedule", "one-cycle", "--warmup", "1"]),
        ("mnist_mlp", ["--ema", "0.9", "--label-smoothing", "0.1"]),
        ("mnist_cnn", ["--layers", "conv 4 3x3, batch-norm, relu, dense 10", "--optimizer", "adamw", "--ema", "0.9"]),
    ],
)
def test_choices_train_to_the_same_bits_for_any_threads(
    program: str, args: list[str], small_data: Path, tmp_path: Path
) -> None:
    args = [*args, "--epochs", "3", "--validation", "0.1", "--patience", "5", "--test-each-epoch"]
    files = ["--data-dir", small_data, "--output", "m.safetensors", "--log", "l.txt"]
    models = []
    for threads in (1, 2, 3):
        result = run_program(program, *args, *files, "--threads", threads, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        models.append((tmp_path / "m.safetensors").read_bytes())
    assert models[0] == models[1] == models[2]
    log = np.loadtxt(tmp_path / "l.txt", delimiter=",")
    assert log.shape == (3, 7) and np.isfinite(log).all()


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_averaged_weights_and_smoothed_labels_are_other_models(
    program: str, small_data: Path, tmp_path: Path
) -> None:
    """Each its own; with an average, training itself stays as it is."""
    models, losses = set(), []
    for args in ([], ["--ema", "0.9"], ["--label-smoothing", "0.1"]):
        files = ["--data-dir", small_data, "--output", "m.bin", "--log", "l.txt"]
        result = run_program(program, "--epochs", "2", *args, *files, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert "".join(f" {arg}" for arg in args) in result.stdout  # among the settings
        models.add((tmp_path / "m.bin").read_bytes())
        losses.append(np.loadtxt(tmp_path / "l.txt", delimiter=",")[:, 1].tolist())
    assert len(models) == 3
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_defaults_seed_and_quiet(program: str, small_data: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(small_data)
    first = run_program(program, "--epochs", "1", "--quiet", cwd=tmp_path)
    assert first.returncode == 0 and first.stderr == ""
    assert re.fullmatch(r"test accuracy: [\d.]+ % \(\d+ of 600\), loss [\d.]+\n", first.stdout)
    assert len(list(tmp_path.glob("*.bin"))) == 1 and len(list((tmp_path / "logs").glob("*.txt"))) == 1
    again = run_program(program, "--epochs", "1", "--quiet", "--seed", "42", cwd=tmp_path)
    other = run_program(program, "--epochs", "1", "--quiet", "--seed", "7", cwd=tmp_path)
    assert again.stdout == first.stdout != other.stdout


def test_a_random_seed_is_another_each_time_and_gives_its_run_again(
    small_data: Path, tmp_path: Path
) -> None:
    def run(seed: str) -> tuple[str, bytes]:
        """The seed that is printed, and the model."""
        files = ["--data-dir", small_data, "--output", "m.bin", "--log", "l.txt"]
        result = run_program("mnist_mlp", "--epochs", "1", "--seed", seed, *files, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        return re.search(r"seed (\d+)", result.stdout)[1], (tmp_path / "m.bin").read_bytes()

    seed, model = run("random")
    other_seed, other_model = run("random")
    assert seed != other_seed and model != other_model
    assert run(seed) == (seed, model)


def test_the_log_has_the_test_accuracy_of_the_model_that_is_kept(small_data: Path, tmp_path: Path) -> None:
    choices = ["--lr", "0.3", "--epochs", "30", "--validation", "0.3", "--patience", "3"]
    files = ["--data-dir", small_data, "--output", "m.bin", "--log", "l.txt"]
    result = run_program("mnist_mlp", *choices, *files, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    log = np.loadtxt(tmp_path / "l.txt", delimiter=",")
    (row,) = np.flatnonzero(np.isfinite(log[:, 5]))
    assert row == np.argmin(log[:, 3])
    accuracy = float(re.search(r"test accuracy: ([\d.]+) %", result.stdout)[1])
    assert log[row, 5] * 100 == pytest.approx(accuracy, abs=0.005)


def test_a_model_of_its_own_has_a_log_of_its_own(small_data: Path, tmp_path: Path) -> None:
    """And what an earlier run wrote is not replaced without a word."""
    args = ["--epochs", "1", "--data-dir", small_data]
    assert "will replace" not in run_program("mnist_mlp", *args, cwd=tmp_path).stdout
    again = run_program("mnist_mlp", *args, cwd=tmp_path).stdout
    assert "\nwill replace mnist_model.bin and logs/training_loss_c.txt\n" in again
    other = run_program("mnist_mlp", *args, "--output", "models/other.safetensors", cwd=tmp_path).stdout
    assert "will replace" not in other and "models/other.safetensors" in other and "logs/other.txt" in other
    assert (tmp_path / "logs" / "other.txt").exists()


@pytest.mark.parametrize("columns", [30, 50, 100])
def test_progress_does_not_wrap(columns: int, build: Path, tmp_path: Path) -> None:
    """On a terminal so many columns wide."""
    args = [build / "mnist_attention_pool", "--epochs", "1", "--data-dir", DATA, "--test-limit", "100"]
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    run = subprocess.Popen(args, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # EIO: the program has ended
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert run.wait() == 0
    lines = shown.decode().split("\r\033[K")
    assert len(lines) > 2 and all(len(line) < columns for line in lines)
    assert columns < 50 or lines[1].endswith(" left")


def test_a_short_run_in_a_pipe_shows_no_progress(small_data: Path, tmp_path: Path) -> None:
    """Long ones say something every ten seconds."""
    args = ["--epochs", "20", "--train-limit", "600", "--data-dir", small_data]
    result = run_program("mnist_attention_pool", *args, cwd=tmp_path)
    assert result.returncode == 0 and result.stderr == ""


@pytest.mark.parametrize(
    ("program", "side"),
    [
        ("mnist_mlp", 3),
        ("mnist_mlp", 1),
        ("mnist_cnn", 5),
        ("mnist_cnn", 2),
        ("mnist_attention_pool", 8),
        ("mnist_attention_pool", 4),
    ],
)
def test_other_sizes_and_classes(program: str, side: int, tmp_path: Path) -> None:
    folder = random_images(tmp_path / "data", side, 17)
    for args in (["--batch-size", "1"], ["--batch-size", "7"], ["--batch-size", "1000", "--threads", "3"]):
        result = run_program(program, "--epochs", "2", *args, "--data-dir", folder, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert "17 classes" in result.stdout
