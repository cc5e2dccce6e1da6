"""mlp_simple as a user runs it: the gates it learns, what it prints and writes, what it refuses."""

import re
import signal
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from support import BUILD, error_line, run_program

GATES = {
    "xor": [0, 1, 1, 0],
    "and": [0, 0, 0, 1],
    "or": [0, 1, 1, 1],
    "nand": [1, 1, 1, 0],
    "nor": [1, 0, 0, 0],
    "xnor": [1, 0, 0, 1],
}
INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def losses(stdout: str) -> dict[int, float]:
    """The loss by epoch."""
    return {int(e): float(loss) for e, loss in re.findall(r"epoch +(\d+) +loss ([\d.]+)", stdout)}


def outputs(stdout: str, gate: str = "xor") -> list[float]:
    """The outputs for 00, 01, 10, 11."""
    rows = re.findall(rf"^(\d) {gate} (\d) -> ([\d.]+)$", stdout, re.MULTILINE)
    assert [(a, b) for a, b, _ in rows] == [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")]
    return [float(o) for _, _, o in rows]


def surface(stdout: str) -> list[str]:
    """The rows of the picture, from x1 = 1.25 down to -0.25."""
    return re.findall(r"^. \|(.{37})\|$", stdout, re.MULTILINE)


def forward(model: Path, x: np.ndarray) -> np.ndarray:
    """(N, 2) -> (N), with the parameters of a .bin."""
    data = model.read_bytes()
    inputs, hidden, classes = struct.unpack("<3i", data[:12])
    assert (inputs, classes) == (2, 1)
    values = np.frombuffer(data[12:], "<f8")
    w1, b1, w2, b2 = np.split(values, np.cumsum([2 * hidden, hidden, hidden]))
    h = 1 / (1 + np.exp(-(x @ w1.reshape(2, hidden) + b1)))
    return 1 / (1 + np.exp(-(h @ w2 + b2)))


def test_default_run(tmp_path: Path) -> None:
    result = run_program("mlp_simple", cwd=tmp_path)
    assert result.returncode == 0 and list(tmp_path.iterdir()) == []
    for epoch, loss in {500_000: 0.000260, 1_000_000: 0.000107}.items():
        assert losses(result.stdout)[epoch] == pytest.approx(loss, abs=2e-4)
    assert outputs(result.stdout) == pytest.approx([0.011, 0.990, 0.990, 0.010], abs=1.5e-3)


def test_learns_xor(tmp_path: Path) -> None:
    files = ["--output", "xor.bin", "--log", "xor.txt"]
    result = run_program("mlp_simple", "--epochs", "100000", *files, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    found = losses(result.stdout)
    assert list(found) == list(range(1000, 100_001, 1000))
    for epoch, loss in {1000: 0.250300, 10_000: 0.250287, 100_000: 0.016884}.items():
        assert found[epoch] == pytest.approx(loss, abs=2e-4)
    assert (tmp_path / "xor.bin").stat().st_size == 12 + 8 * 17
    assert np.loadtxt(tmp_path / "xor.txt", delimiter=",").shape == (100, 7)


@pytest.mark.parametrize("gate", GATES)
def test_every_gate_is_learned_with_the_defaults(gate: str, tmp_path: Path) -> None:
    result = run_program("mlp_simple", "--gate", gate, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "accuracy: 100 % (4 of 4)" in result.stdout
    assert outputs(result.stdout, gate) == pytest.approx(GATES[gate], abs=0.02)


@pytest.mark.parametrize("hidden", [1, 2, 3, 8, 17, 1024])
def test_the_model_written_is_the_one_shown(hidden: int, tmp_path: Path) -> None:
    """Its outputs and its picture follow from the file, for any number of hidden units."""
    args = ["--gate", "nand", "--hidden", hidden, "--epochs", 10_000, "--lr", 0.1, "--output", "m.bin"]
    result = run_program("mlp_simple", *args, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert f"network: 2 -> {hidden} (sigmoid)" in result.stdout
    assert outputs(result.stdout, "nand") == pytest.approx(forward(tmp_path / "m.bin", INPUTS), abs=6e-4)

    x0, x1 = np.meshgrid(np.arange(-6, 31) / 24, np.arange(15, -4, -1) / 12)
    shades = 10 * forward(tmp_path / "m.bin", np.stack([x0.ravel(), x1.ravel()], axis=1)).reshape(19, 37)
    shown = [list(row) for row in surface(result.stdout)]
    for row, column, target in [(15, 6, "1"), (15, 30, "1"), (3, 6, "1"), (3, 30, "0")]:
        assert shown[row][column - 1 : column + 2] == [" ", target, " "]
        shown[row][column - 1 : column + 2] = [
            " .:-=+*#%@"[int(s)] for s in shades[row, column - 1 : column + 2]
        ]
    levels = np.array([[" .:-=+*#%@".index(character) for character in row] for row in shown])
    np.testing.assert_allclose(levels + 0.5, shades, atol=0.5 + 1e-9)


@pytest.mark.parametrize("options", [[], ["--gate", "nor", "--hidden", "7", "--lr", "0.3"]])
def test_the_plain_loop_prints_the_same(options: list[str], tmp_path: Path) -> None:
    """To the last digit that is shown: what is quick is a fusion, whose weights agree within rounding."""
    fused, plain = (
        run_program("mlp_simple", "--epochs", 200_000, *options, *extra, cwd=tmp_path).stdout
        for extra in ([], ["--no-fusions"])
    )
    assert fused.split("signature:")[0] == plain.split("signature:")[0] and "accuracy" in plain


def test_quiet_prints_the_outputs_only(tmp_path: Path) -> None:
    result = run_program("mlp_simple", "--epochs", "1000", "--quiet", cwd=tmp_path)
    assert len(result.stdout.splitlines()) == len(outputs(result.stdout)) == 4


def test_stop_error(tmp_path: Path) -> None:
    args = ["--epochs", 1_000_000, "--log", "log.txt", "--output"]
    stopped = run_program("mlp_simple", *args, "stopped.bin", "--stop-error", 0.01, cwd=tmp_path)
    assert stopped.returncode == 0 and "stopped: the loss is below 0.01" in stopped.stdout
    *before, last = losses(stopped.stdout).values()
    assert last < 0.01 <= min(before)
    log = np.loadtxt(tmp_path / "log.txt", delimiter=",")
    assert list(log[:, 0]) == list(losses(stopped.stdout))

    args[1] = int(log[-1, 0])  # the same network as if these epochs had been asked for
    run_program("mlp_simple", *args, "asked.bin", cwd=tmp_path)
    assert (tmp_path / "stopped.bin").read_bytes() == (tmp_path / "asked.bin").read_bytes()


def test_the_largest_rate_keeps_the_loss_finite(tmp_path: Path) -> None:
    for hidden in (1, 4, 1024):
        args = ["--lr", 1e6, "--epochs", 3000, "--hidden", hidden]
        result = run_program("mlp_simple", *args, cwd=tmp_path)
        assert result.returncode == 0 and list(losses(result.stdout)) == [1000, 2000, 3000]


def test_sigterm_saves(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [BUILD / "mlp_simple", "--epochs", "1000000000", "--output", "xor.bin"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("epoch"):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert (tmp_path / "xor.bin").stat().st_size == 12 + 8 * 17


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--gate", "not"], "--gate: found 'not', expected one of xor, and, or, nand, nor, xnor"),
        (["--hidden", "0"], "--hidden: found '0', expected a whole number from 1 to 1024"),
        (["--hidden", "1025"], "--hidden: found '1025', expected a whole number from 1 to 1024"),
        (["--stop-error", "1.1"], "--stop-error: found '1.1', expected a number from 0 to 1"),
        (["--stop-error", "-1"], "--stop-error: found '-1', expected a number from 0 to 1"),
    ],
)
def test_refused_options(args: list[str], said: str, tmp_path: Path) -> None:
    assert error_line(run_program("mlp_simple", *args, cwd=tmp_path), "mlp_simple", 2) == said


def test_a_model_and_a_log_of_one_path_are_refused(tmp_path: Path) -> None:
    result = run_program("mlp_simple", "--output", "x.bin", "--log", "./x.bin", cwd=tmp_path)
    line = error_line(result, "mlp_simple", 1)
    assert line == "--log: ./x.bin is also used by --output, expected a path of its own"


def test_a_log_that_fails_does_not_cost_the_model(tmp_path: Path) -> None:
    args = ["--epochs", 1000, "--output", "x.bin", "--log", "/dev/full"]
    result = run_program("mlp_simple", *args, cwd=tmp_path)
    assert result.returncode == 1 and "/dev/full: writing failed: No space left on device" in result.stderr
    assert (tmp_path / "x.bin").stat().st_size == 12 + 8 * 17
