"""Runs that are stopped by Ctrl-C and go on, configuration files, and the logs of both."""

import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from support import DATA, error_line, random_images, run_program

FILES = ["--output", "model.safetensors", "--log", "log.txt", "--log-json", "log.jsonl", "--log-every", "5"]


def interrupted_run(build: Path, program: str, *args: object, cwd: Path, seconds: float) -> int:
    """The exit status of a run that is sent SIGINT so long after its first line."""
    process = subprocess.Popen(
        [build / program, *map(str, args)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("training:"):
            assert process.poll() is None
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode


def without_seconds(path: Path) -> list[dict]:
    """The lines of a JSON log but the end's, less the time they took and where their run wrote."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [line for line in lines if line["event"] != "end"]
    for line in lines:
        line.pop("seconds", None)
        line.pop("settings", None)
    return lines


@pytest.mark.parametrize(
    ("program", "choices"),
    [
        ("mnist_mlp", ["--optimizer", "adam", "--lr", "0.001", "--dropout", "0.1", "--patience", "9"]),
        ("mnist_cnn", ["--optimizer", "nesterov", "--schedule", "cosine", "--augment", "shift=2"]),
        ("mnist_attention_pool", ["--optimizer", "momentum", "--schedule", "one-cycle"]),
        ("mnist_mlp", ["--optimizer", "adamw", "--ema", "0.99", "--label-smoothing", "0.1"]),
    ],
)
def test_interrupted_and_resumed_is_the_same_as_never_interrupted(
    build: Path, program: str, choices: list[str], tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    limits = [
        "--train-limit",
        "6000" if program == "mnist_attention_pool" else "20000",
        "--test-limit",
        "500",
    ]
    common = [
        "--epochs",
        "6",
        "--validation",
        "0.1",
        "--test-each-epoch",
        *choices,
        *limits,
        "--data-dir",
        DATA,
    ]
    assert run_program(program, *common, *FILES, cwd=whole).returncode == 0

    training = np.loadtxt(whole / "log.txt", delimiter=",", usecols=2).sum()
    chance = random.Random(4)
    status = interrupted_run(
        build,
        program,
        *common,
        *FILES,
        "--checkpoint-dir",
        "ck",
        cwd=parts,
        seconds=training * chance.uniform(0.02, 0.2),
    )
    assert status == 130
    for _ in range(3):  # a resumed run needs no option again, and can be interrupted again
        if status == 130:
            seconds = training * chance.uniform(0.02, 0.2)
            status = interrupted_run(build, program, "--resume", "ck", cwd=parts, seconds=seconds)
    result = run_program(program, "--resume", "ck", cwd=parts)
    assert result.returncode == 0, result.stderr

    assert (whole / "model.safetensors").read_bytes() == (parts / "model.safetensors").read_bytes()
    columns = [0, 1, 3, 4, 5, 6]  # all but the seconds
    rows = [np.loadtxt(folder / "log.txt", delimiter=",", usecols=columns) for folder in (whole, parts)]
    assert rows[0].shape == (6, 6)
    np.testing.assert_array_equal(*rows)
    assert without_seconds(whole / "log.jsonl") == without_seconds(parts / "log.jsonl")


@pytest.fixture(scope="module")
def checkpoints(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of two epochs."""
    folder = tmp_path_factory.mktemp("checkpoints")
    limits = ["--train-limit", "2000", "--test-limit", "500"]
    arguments = [
        "--epochs",
        "2",
        "--optimizer",
        "adam",
        *limits,
        "--data-dir",
        DATA,
        "--checkpoint-dir",
        "ck",
    ]
    assert run_program("mnist_mlp", *arguments, cwd=folder).returncode == 0
    return folder / "ck"


def test_a_finished_run_goes_on_with_more_epochs(build: Path, checkpoints: Path, tmp_path: Path) -> None:
    result = run_program(
        "mnist_mlp",
        "--resume",
        checkpoints,
        "--checkpoint-dir",
        "new",
        "--epochs",
        "3",
        "--data-dir",
        DATA,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert "epoch 3/3" in result.stdout and "epoch 2/3" not in result.stdout
    assert np.loadtxt(tmp_path / "logs/training_loss_c.txt", delimiter=",")[:, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("program", "options", "expected"),
    [
        ("mnist_cnn", [], "is a checkpoint of mnist_mlp, expected one of mnist_cnn"),
        ("mnist_mlp", ["--lr", "0.5"], "is of a run with other options: --lr 0.001 there, 0.5 here"),
        ("mnist_mlp", ["--hidden", "64"], 'is of a run with other options: --hidden "512" there, "64" here'),
        (
            "mnist_mlp",
            ["--test-limit", "300", "--train-limit", "1000"],
            "--train-limit 2000 there, 1000 here",
        ),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    build: Path, checkpoints: Path, program: str, options: list[str], expected: str, tmp_path: Path
) -> None:
    result = run_program(program, "--resume", checkpoints, *options, "--data-dir", DATA, cwd=tmp_path)
    line = error_line(result, program)
    assert line.startswith(f"{checkpoints}/latest.safetensors: ") and expected in line


def test_a_checkpoint_of_other_images_is_refused(build: Path, checkpoints: Path, tmp_path: Path) -> None:
    """As many of the same size, so that nothing but the checksum tells."""
    other = random_images(tmp_path / "other", side=28, classes=10, count=2000)
    result = run_program("mnist_mlp", "--resume", checkpoints, "--data-dir", other, "--quiet", cwd=tmp_path)
    said = r"latest.safetensors: is of a run with other training images: checksum (\d+) there, (\d+) here$"
    found = re.search(said, error_line(result, "mnist_mlp"))
    assert found and found[1] != found[2]


def test_what_is_no_checkpoint_is_refused(build: Path, checkpoints: Path, tmp_path: Path) -> None:
    run_program(
        "mnist_mlp",
        "--epochs",
        "1",
        "--train-limit",
        "100",
        "--data-dir",
        DATA,
        "--output",
        "m.safetensors",
        cwd=tmp_path,
    )
    assert "has no state of a run" in error_line(
        run_program("mnist_mlp", "--resume", "m.safetensors", cwd=tmp_path), "mnist_mlp"
    )
    assert error_line(run_program("mnist_mlp", "--resume", "nowhere", cwd=tmp_path), "mnist_mlp").startswith(
        "nowhere: no such file"
    )
    content = (checkpoints / "latest.safetensors").read_bytes()
    assert content.count(b'"options":"{') == 1
    (tmp_path / "odd.safetensors").write_bytes(content.replace(b'"options":"{', b'"options":"['))
    said = error_line(run_program("mnist_mlp", "--resume", "odd.safetensors", cwd=tmp_path), "mnist_mlp")
    assert said == 'odd.safetensors: the metadata "options" is no JSON object'
    (tmp_path / "cut.safetensors").write_bytes(content[:5000])
    assert error_line(run_program("mnist_mlp", "--resume", "cut.safetensors", cwd=tmp_path), "mnist_mlp")


def test_an_earlier_runs_checkpoints_are_not_replaced(build: Path, checkpoints: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in checkpoints.iterdir()}
    result = run_program(
        "mnist_mlp", "--checkpoint-dir", checkpoints, "--train-limit", "100", "--data-dir", DATA, cwd=tmp_path
    )
    assert "holds checkpoints of an earlier run" in result.stderr and result.returncode == 1
    assert {path.name: path.read_bytes() for path in checkpoints.iterdir()} == before


def test_a_configuration_goes_out_and_in(build: Path, tmp_path: Path) -> None:
    limits = ["--train-limit", "1000", "--test-limit", "500", "--data-dir", DATA]
    first = run_program(
        "mnist_mlp",
        "--hidden",
        "32,16",
        "--activation",
        "tanh",
        "--epochs",
        "2",
        *limits,
        "--output",
        "a.safetensors",
        "--save-config",
        "a.json",
        cwd=tmp_path,
    )
    assert first.returncode == 0, first.stderr
    second = run_program(
        "mnist_mlp",
        "--config",
        "a.json",
        "--output",
        "b.safetensors",
        "--save-config",
        "b.json",
        cwd=tmp_path,
    )
    assert second.returncode == 0, second.stderr
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    settings = [json.loads((tmp_path / name).read_text()) for name in ("a.json", "b.json")]
    assert settings[0]["hidden"] == "32,16" and settings[0]["epochs"] == 2
    assert {**settings[0], "output": "b.safetensors"} == settings[1]


@pytest.mark.parametrize("beyond_bin", [["--hidden", "8,8"], ["--outliers", "0.1"]])
def test_what_a_bin_cannot_say_goes_on_as_it_was(build: Path, beyond_bin: list[str], tmp_path: Path) -> None:
    """Without --output a .safetensors, in the first run, with its configuration, and resumed."""
    limits = ["--train-limit", "500", "--test-limit", "100", "--data-dir", DATA, "--epochs", "1"]
    saved = ["--save-config", "c.json", "--checkpoint-dir", "ck"]
    models = []
    for options in (
        [*limits, *beyond_bin, *saved],
        ["--config", "c.json", "--checkpoint-dir", "again"],
        ["--resume", "ck"],
    ):
        result = run_program("mnist_mlp", *options, "--quiet", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        models.append((tmp_path / "mnist_model.safetensors").read_bytes())
        (tmp_path / "mnist_model.safetensors").unlink()
    assert models[0] == models[1] == models[2]
    given = ["--config", "c.json", "--checkpoint-dir", "third", "--output", "mnist_model.bin", "--quiet"]
    line = error_line(run_program("mnist_mlp", *given, cwd=tmp_path), "mnist_mlp")
    assert line.startswith("mnist_model.bin: ") and "expected a path that ends in .safetensors" in line


def test_a_wrong_configuration_is_refused(build: Path, tmp_path: Path) -> None:
    def line(text: str, *args: str) -> str:
        (tmp_path / "c.json").write_text(text)
        return error_line(run_program("mnist_cnn", "--config", "c.json", *args, cwd=tmp_path), "mnist_cnn")

    assert 'the nearest is "filters"' in line('{"filter": 4}')
    assert "expected a whole number from 1 to 1024" in line('{"filters": 0}')
    assert line('{"filters": 4').startswith("c.json: is no JSON at byte")
    said = line('{"filters": 0}', "--filters", "4")
    assert said.startswith("c.json: --filters: found '0', expected a whole number from 1 to 1024")
    assert line('{"lr": 1e400}').startswith("c.json: holds a number that is too large")
    assert line('{"lr": 0.1, "lr": 0.2}').startswith('c.json: has "lr" twice')
    assert line(r'{"output": "a\u0000b"}').startswith(r'c.json: output: found "a\u0000b", expected')
    assert not (tmp_path / "a").exists()


def test_a_path_that_is_not_utf8_does_not_stop_a_run(build: Path, small_data: Path, tmp_path: Path) -> None:
    """In JSON such bytes become U+FFFD: there is nothing else to write for them."""
    name = os.fsdecode(b"\xffx.safetensors")
    files = ["--output", name, "--checkpoint-dir", "ck", "--save-config", "c.json"]
    result = run_program(
        "mnist_mlp", "--epochs", "1", "--quiet", "--data-dir", small_data, *files, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / name).is_file() and (tmp_path / "ck/latest.safetensors").is_file()
    assert json.loads((tmp_path / "c.json").read_text())["output"] == "\N{REPLACEMENT CHARACTER}x.safetensors"
