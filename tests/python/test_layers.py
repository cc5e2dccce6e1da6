"""Networks of one's own on the command line: --layers, --show-network, --no-fusions and --init."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from support import DATA, MNIST_PROGRAMS, error_line, random_images, run_program

OWN = {
    "mnist_mlp": "dense 512, relu, dense 10",
    "mnist_cnn": "conv 8 3x3, relu, max-pool 2, dense 10",
    "mnist_attention_pool": "patches 4 64, position sinusoidal, relu, attention 1, dense 128, relu, dense 64, mean,"
    " dense 10",
}
DEEP = (
    "conv 6 3x3, batch-norm, relu, residual(conv 6 3x3, batch-norm, relu), max-pool 2, repeat 2 (dense 24, tanh), "
    "dropout 0.1, dense 10"
)


def network_line(stdout: str) -> str:
    return re.search(r"^network: (.*)$", stdout, re.MULTILINE)[1]


@pytest.mark.parametrize(
    ("program", "options", "layers"),
    [
        *((program, "", layers) for program, layers in OWN.items()),
        (
            "mnist_mlp",
            "--hidden 6,5 --activation leaky-relu --dropout 0.25",
            "dense 6, leaky-relu, dropout 0.25, dense 5, leaky-relu, dropout 0.25, dense 10",
        ),
        ("mnist_mlp", "--hidden 6 --activation none", "dense 6, dense 10"),
        ("mnist_mlp", "--hidden none", "dense 10"),
        ("mnist_cnn", "--filters 5 --kernel 7", "conv 5 7x7, relu, max-pool 2, dense 10"),
        (
            "mnist_attention_pool",
            "--patch 7 --d-model 12 --heads 3 --ff-dim 20 --position none",
            "patches 7 12, relu, attention 3, dense 20, relu, dense 12, mean, dense 10",
        ),
    ],
)
def test_a_programs_options_are_short_for_layers(
    program: str, options: str, layers: str, small_data: Path, tmp_path: Path
) -> None:
    """The same network, to the same bytes but for the options that the file tells."""
    args = ["--epochs", 1, "--data-dir", small_data, "--output", "a.safetensors"]
    by_options = run_program(program, *args, *options.split(), cwd=tmp_path)
    tensors = (tmp_path / "a.safetensors").read_bytes().split(b"}} ")[-1][-500:]
    by_layers = run_program(program, *args, "--layers", layers, cwd=tmp_path)
    assert by_options.returncode == by_layers.returncode == 0, by_options.stderr + by_layers.stderr
    assert network_line(by_options.stdout) == network_line(by_layers.stdout)
    assert network_line(by_layers.stdout).startswith(f"28 x 28 pixels -> {layers} (")
    assert (tmp_path / "a.safetensors").read_bytes().endswith(tensors)
    chosen = f'--layers "{layers}"'
    assert chosen in by_layers.stdout and "--layers" not in by_options.stdout


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_any_program_trains_any_layers(program: str, small_data: Path, tmp_path: Path) -> None:
    """The same network from the same seed, whoever trains it; it goes to a .safetensors by itself."""
    args = ["--layers", DEEP, "--epochs", 2, "--batch-size", 16, "--data-dir", small_data, "--quiet"]
    result = run_program(program, *args, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (model,) = tmp_path.glob("*.safetensors")
    assert result.stdout == run_program("mnist_cnn", *args, "--output", "other.safetensors", cwd=tmp_path).stdout
    evaluated = run_program(program, "evaluate", model, "--data-dir", small_data, cwd=tmp_path)
    assert evaluated.stdout.splitlines()[0] == result.stdout.strip()


def test_layers_to_the_same_bits_for_any_threads_and_resumed(small_data: Path, tmp_path: Path) -> None:
    args = ["--layers", DEEP, "--optimizer", "adam", "--data-dir", small_data, "--quiet"]
    files = ["--output", "m.safetensors", "--log", "l.txt"]
    models = []
    for threads in (1, 2, 3):
        done = run_program("mnist_cnn", *args, *files, "--epochs", 3, "--threads", threads, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        models.append((tmp_path / "m.safetensors").read_bytes())
    run_program("mnist_cnn", *args, *files, "--epochs", 1, "--checkpoint-dir", "ck", cwd=tmp_path)
    resumed = run_program("mnist_cnn", "--resume", "ck", "--epochs", 3, "--quiet", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    models.append((tmp_path / "m.safetensors").read_bytes())
    assert models[0] == models[1] == models[2] == models[3]


def test_layers_are_a_setting(small_data: Path, tmp_path: Path) -> None:
    """They go out and in, in the place of the options that they exclude; one that is given wins."""
    args = ["--epochs", 1, "--data-dir", small_data]
    run_program("mnist_mlp", *args, "--layers", "dense 9, dense 10", "--save-config", "c.json", cwd=tmp_path)
    saved = json.loads((tmp_path / "c.json").read_text())
    assert saved["layers"] == "dense 9, dense 10" and saved["no-fusions"] is False
    assert "hidden" not in saved and "show-network" not in saved
    again = run_program("mnist_mlp", "--config", "c.json", cwd=tmp_path)
    assert "-> dense 9, dense 10 (" in again.stdout
    other = run_program("mnist_mlp", "--config", "c.json", "--hidden", 4, cwd=tmp_path)
    assert "-> dense 4, relu, dense 10 (" in other.stdout


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["--layers", "dense 10", "--hidden", "4"], 2, "--hidden: found with --layers, expected one of the two"),
        (["--layers", "", "--epochs", "1"], 2, "--layers: found '', expected a text"),
        (["--layers", "dense 5, desne 10"], 1, "--layers: found 'desne' at character 10, expected a layer, one of "),
        (["--layers", "dense 10, conv 8 3x3"], 1, "--layers: layer 2, conv: found "),
        (["--layers", "conv 8 3x3"], 1, "--layers: the last layer makes 28 x 28 x 8 numbers, expected a vector"),
        (["--layers", "dense 11"], 1, "--layers: the last layer makes 11 numbers, expected 10, one for each class"),
        (
            ["--layers", "dense 10", "--outliers", "0.1"],
            1,
            "--layers: the last layer makes 10 numbers, expected 11, one for each class, of which --outliers adds one",
        ),
        (["--layers", "dense 9, relu, dense 9, relu, dense 10", "--output", "m.bin"], 1,
         "m.bin: found a network that a .bin cannot hold, dense 9, relu, dense 9, relu, dense 10 for 28 x 28 pixels, "),
        (["--hidden", "none", "--dropout", "0.2"], 2, "--dropout: found with --hidden none, expected units to drop"),
        (["--init", "zero"], 2, "--init: found 'zero', expected one of xavier, he, normal"),
    ],
)  # fmt: skip
def test_what_is_refused(args: list[str], status: int, said: str, small_data: Path, tmp_path: Path) -> None:
    result = run_program("mnist_mlp", *args, "--quiet", "--data-dir", small_data, cwd=tmp_path)
    assert error_line(result, "mnist_mlp", status).startswith(said)


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_show_network(program: str, tmp_path: Path) -> None:
    """For the images that there are, and nothing is trained or written."""
    random_images(tmp_path / "data", side=12, classes=17)
    shown = run_program(program, "--show-network", cwd=tmp_path)
    assert shown.returncode == 0 and shown.stderr == ""
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["layer", "makes", "parameters", "MFLOP"]
    assert lines[1].split() == ["input", "12", "x", "12", "x", "1"]
    assert lines[-2].startswith("dense 17")
    total = sum(int(line[46:56]) for line in lines[2:-1] if line[46:56].strip())
    assert int(lines[-1].split()[-2]) == total
    with_layers = run_program(program, "--show-network", "--layers", "conv 2 3x3, dense 17", cwd=tmp_path)
    assert with_layers.stdout.splitlines()[2].split() == ["conv", "2", "3x3", "12", "x", "12", "x", "2", "20", "0.005"]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_fusions_change_nothing_but_the_time(program: str, tmp_path: Path) -> None:
    losses = []
    for options in ([], ["--no-fusions"]):
        limits = ["--epochs", 2, "--train-limit", 6000, "--data-dir", DATA, "--log", "l.txt"]
        done = run_program(program, *limits, *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert ("--no-fusions" in done.stdout) == bool(options)
        losses.append(np.loadtxt(tmp_path / "l.txt", delimiter=",")[:, 1])
    np.testing.assert_allclose(*losses, atol=2e-4)


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_init(program: str, small_data: Path, tmp_path: Path) -> None:
    """Xavier unless another one is named."""
    said = {
        init: run_program(program, "--epochs", 1, "--quiet", "--data-dir", small_data, *init, cwd=tmp_path).stdout
        for init in [(), ("--init", "xavier"), ("--init", "he"), ("--init", "normal")]
    }
    assert said[()] == said["--init", "xavier"] and len(set(said.values())) == 3
