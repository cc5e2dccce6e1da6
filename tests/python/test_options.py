"""The command lines of the programs: what is refused, and how it is said."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from support import BUILD, MNIST_PROGRAMS, error_line, run_program


@pytest.mark.parametrize("program", [*MNIST_PROGRAMS, "mlp_simple"])
def test_help_and_version(program: str, tmp_path: Path) -> None:
    help_text = run_program(program, "--help", cwd=tmp_path)
    assert help_text.returncode == 0 and help_text.stderr == ""
    for option in ["--epochs", "--lr", "--seed", "--output", "--log", "--quiet", "--help", "--version"]:
        assert option in help_text.stdout
    version = run_program(program, "--version", cwd=tmp_path)
    assert version.returncode == 0 and re.fullmatch(
        rf"{program} \d+\.\d+\.\d+\ncompiler: .+\ninstruction set: .+\nOpenBLAS: \d+\.\d+.*, kernels for \w+\n"
        r"pictures: libpng \d.*, libjpeg.* \d.*\nMPI: .+\n",
        version.stdout,
    )


@pytest.mark.parametrize("program", [*MNIST_PROGRAMS, "mlp_simple"])
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--epochs", "0"], "--epochs: found '0', expected a whole number from 1 to"),
        (["--epochs", "2.5"], "--epochs: found '2.5', expected a whole number"),
        (
            ["--epochs", "99999999999999999999"],
            "--epochs: found '99999999999999999999', expected a whole number",
        ),
        (["--lr", "nan"], "--lr: found 'nan', expected a number from"),
        (["--lr", "-1"], "--lr: found '-1', expected a number from"),
        (["--lr", "inf"], "--lr: found 'inf', expected a number from"),
        (["--seed", "x"], "--seed: found 'x', expected a whole number from 0 to 2^64 - 1, or 'random'"),
        (["--frobnicate"], "--frobnicate: unknown option"),
        (["--epochs"], "--epochs"),
    ],
)
def test_bad_options(program: str, args: list[str], said: str, tmp_path: Path) -> None:
    assert error_line(run_program(program, *args, cwd=tmp_path), program, 2).startswith(said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--threads", "-1"], "--threads: found '-1', expected a whole number from 1 to"),
        (["--threads", "0"], "--threads: found '0'"),
        (["--batch-size", "0"], "--batch-size: found '0', expected a whole number from 1 to"),
    ],
)
def test_bad_mnist_options(program: str, args: list[str], said: str, tmp_path: Path) -> None:
    assert error_line(run_program(program, *args, cwd=tmp_path), program, 2).startswith(said)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ["--optimizer", "adams"],
            "--optimizer: found 'adams', expected one of sgd, momentum, nesterov, adam, adamw",
        ),
        (["--schedule", "x"], "--schedule: found 'x', expected one of constant, step"),
        (["--momentum", "1"], "--momentum: found '1', expected a number from 0 to 0.9999"),
        (["--shards", "9", "--batch-size", "8"], "--shards: found 9, expected at most --batch-size, 8"),
        (["--validation", "-1"], "--validation: found '-1', expected a number from 0"),
        (["--validation", "1.5"], "--validation: found '1.5', expected a share below 1 or a whole number"),
        (["train"], "train: unexpected word, expected an option (--help lists them), or first of all one of predict,"),
        (["--filters", "8", "16"], "16: unexpected word, expected an option (--help lists them), or first of all"),
        (["predict", "a.bin,,b.bin", "c.png"], "MODEL: found 'a.bin,,b.bin', expected paths with a comma between"),
        (["predict", "a.bin", ""], "IMAGE: found '', expected a path"),
        (["augment", "--augment", "shift=1", "scale=1"], "scale=1: unexpected word, expected an option (--help lists"),
        (["--output", "m.pt"], "--output: m.pt ends in .pt, expected .bin or .safetensors"),
        (["--augment", "shift=999"], "--augment: "),
        (["--augment", "blur=1"], "--augment: "),
        (["--classes", "257"], "--classes: found '257'"),
    ],
)
def test_bad_training_options(args: list[str], said: str, tmp_path: Path) -> None:
    assert error_line(run_program("mnist_cnn", *args, cwd=tmp_path), "mnist_cnn", 2).startswith(said)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ["--validation", "600"],
            "--validation: of 600 training images it holds out 600, expected at least one",
        ),
        (
            ["--validation", "0.0001"],
            "--validation: of 600 training images it holds out 0, expected at least one",
        ),
        (["--output", "same", "--log", "same"], "--log: same is also used by --output, expected a path of its own"),
    ],
)
def test_options_that_contradict_each_other(args: list[str], said: str, small_data: Path, tmp_path: Path) -> None:
    result = run_program("mnist_mlp", *args, "--quiet", "--data-dir", small_data, cwd=tmp_path)
    assert error_line(result, "mnist_mlp", 1).startswith(said)


@pytest.mark.parametrize("configured", [{}, {"patience": 3}, {"patience": 3, "validation": 0}, {"validation": 0.5}])
def test_patience_is_wrong_without_validation(configured: dict, small_data: Path, tmp_path: Path) -> None:
    """Whether they are given or in a configuration."""
    (tmp_path / "c.json").write_text(json.dumps(configured))
    args = ["--config", "c.json", "--epochs", "1", "--data-dir", small_data]
    if "patience" not in configured:
        args += ["--patience", "3"]
    result = run_program("mnist_mlp", *args, cwd=tmp_path)
    if configured.get("validation"):
        assert result.returncode == 0, result.stderr
    else:
        line = error_line(result, "mnist_mlp", 2)
        assert line.startswith("--patience: found without --validation or --fold, expected one of them")


def test_numbers_are_decimal(tmp_path: Path) -> None:
    assert "epoch 10  loss" in run_program("mlp_simple", "--epochs", "010", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["--epochs", "1\n2"], 2, r"--epochs: found '1\x0a2', expected a whole number"),
        (["--no\x1b[2Jsuch"], 2, r"--no\x1b[2Jsuch: unknown option"),
        (["--" + "x" * 1000], 2, "--" + "x" * 55 + "...: unknown option"),
        (["--data-dir", "no\nsuch"], 1, r"no\x0asuch: "),
        (["evaluate", "no\nsuch.bin"], 1, r"no\x0asuch.bin: no such file"),
    ],
)
def test_an_error_is_one_line_whatever_a_name_holds(args: list[str], status: int, said: str, tmp_path: Path) -> None:
    assert error_line(run_program("mnist_mlp", *args, cwd=tmp_path), "mnist_mlp", status).startswith(said)


@pytest.mark.parametrize("args", [["--epochs", "2", "--train-limit", "100"], ["--help"], ["--version"]])
def test_a_full_standard_output_is_noticed(args: list[str], small_data: Path, tmp_path: Path) -> None:
    command = [BUILD / "mnist_mlp", "--data-dir", small_data, *args]
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    expected = "mnist_mlp: error: standard output: writing failed, expected a place for all that is printed"
    assert result.stderr.splitlines()[-1] == expected


def test_class_names_are_refused_before_training(small_data: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_bytes(b"a\nb\ncaf\xe9\nd\ne\nf\ng\nh\ni\nj\n")
    args = ["--data-dir", small_data, "--class-names", names, "--quiet"]
    line = error_line(run_program("mnist_mlp", *args, cwd=tmp_path), "mnist_mlp")
    assert line == f"{names}: line 3 is not UTF-8, expected the name of a class, each once, one a line"
    assert not (tmp_path / "mnist_model.bin").exists()
