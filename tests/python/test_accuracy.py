"""tools/accuracy.py: real programs on a few images; its table, its files, its options, what it says is wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import BUILD, error_line, run_program, run_tool, small_mnist, write_idx

SHORT = "--epochs 1 --hidden 16 --lr 0.1"
TABLE = "| options | mean | deviation | lowest | highest | seconds | parameters |"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return small_mnist(tmp_path / "data", 200)


def run(*args: object, cwd: Path) -> dict[str, dict]:
    """The rows of its JSON, by their names."""
    done = run_tool("accuracy", *args, "--json", "a.json", "--build-dir", BUILD, "--data-dir", "data", cwd=cwd)
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads((cwd / "a.json").read_text())["rows"]}
    assert list(table(done.stdout)) == list(rows)
    return rows


def table(text: str) -> dict[str, list[str]]:
    """The cells of each row of a Markdown table, by its name."""
    lines = text.splitlines()[text.splitlines().index(TABLE) + 2 :]
    return {name: cells for name, *cells in (line.strip("| ").split(" | ") for line in lines)}


def trained(*args: object, data: Path, cwd: Path) -> list[dict]:
    """The lines of the JSON log of a run of the program itself."""
    files = ["--output", "m.safetensors", "--log", "", "--log-json", "l.jsonl", "--data-dir", data]
    assert run_program("mnist_mlp", *args, *files, cwd=cwd).returncode == 0
    return [json.loads(line) for line in (cwd / "l.jsonl").read_text().splitlines()]


def test_a_table_and_the_files(build: Path, data: Path, tmp_path: Path) -> None:
    args = ["--try", SHORT, "--preset", "plain", "--seeds", 2, "--json", "a.json", "--picture", "a.png", "--threads", 1]
    args += ["--build-dir", BUILD, "--data-dir", data]
    done = run_tool("accuracy", "mnist_mlp", *args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("mnist_mlp, 2 seeds, accuracy on the test images:\n\n")
    report = json.loads((tmp_path / "a.json").read_text())
    assert (report["program"], report["held_out"]) == ("mnist_mlp", 0)
    plain, short = report["rows"]
    assert (plain["name"], plain["options"], plain["parameters"]) == ("plain", ["--preset", "plain"], 407_050)
    assert (short["name"], short["options"][2:], short["parameters"]) == (SHORT, SHORT.split(), 12_730)
    for row in report["rows"]:
        assert len(row["seconds"]) == 2 and all(seconds > 0 for seconds in row["seconds"])
        low, high = sorted(row["accuracies"])
        mean, deviation, lowest, highest, _, parameters = table(done.stdout)[row["name"]]
        assert (mean, deviation) == (f"{(low + high) / 2:.2f} %", f"{(high - low) / 2**0.5:.2f}")
        assert (lowest, highest, parameters) == (f"{low:.2f} %", f"{high:.2f} %", f"{row['parameters']:,}")
    said = [f"accuracy: seed {s}, {r['name']}: {r['accuracies'][s - 1]:.2f} %" for s in (1, 2) for r in report["rows"]]
    assert done.stderr.splitlines() == said
    assert np.asarray(Image.open(tmp_path / "a.png").convert("L")).std() > 0
    assert {path.name for path in tmp_path.iterdir()} == {"data", "a.json", "a.png"}


def test_accuracies_are_those_of_the_program(build: Path, data: Path, tmp_path: Path) -> None:
    """With the same seeds, on the test images and on those that are held out."""
    tested = run("mnist_mlp", "--try", SHORT, "--seeds", 2, cwd=tmp_path)[SHORT]
    held = run("mnist_mlp", "--try", SHORT, "--seeds", 2, "--held-out", 50, cwd=tmp_path)[SHORT]
    for seed in (1, 2):
        end = trained(*SHORT.split(), "--seed", seed, data=data, cwd=tmp_path)[-1]
        assert tested["accuracies"][seed - 1] == pytest.approx(100 * end["test_accuracy"])
        _, epoch, _ = trained(*SHORT.split(), "--seed", seed, "--validation", 50, data=data, cwd=tmp_path)
        assert held["accuracies"][seed - 1] == pytest.approx(100 * epoch["val_accuracy"])


def test_held_out_images_are_measured_after_the_last_epoch_and_test_images_never(
    build: Path, data: Path, tmp_path: Path
) -> None:
    long = "--epochs 12 --lr 0.6 --hidden 16"  # the best epoch is not the last one
    args = ["mnist_mlp", "--try", long, "--seeds", 1, "--held-out", 60]
    before = run(*args, cwd=tmp_path)[long]["accuracies"]
    epochs = trained(*long.split(), "--seed", 1, "--validation", 60, data=data, cwd=tmp_path)[1:-1]
    assert before == [pytest.approx(100 * epochs[-1]["val_accuracy"])]
    for part, shape in {"images.idx3": (5, 28, 28), "labels.idx1": (5,)}.items():  # other test images
        write_idx(data / f"t10k-{part}-ubyte", np.full(shape, 3))
    assert run(*args, cwd=tmp_path)[long]["accuracies"] == before


def test_rows_of_an_ablation(build: Path, data: Path, tmp_path: Path) -> None:
    """One for each option of the preset but its epochs, and that option is as without a preset."""

    def settings(*args: object) -> dict[str, object]:
        return json.loads(run_program("mnist_mlp", *args, "--save-config", "-", cwd=tmp_path).stdout)

    plain, preset = settings(), settings("--preset", "fast")
    changed = [name for name in plain if name != "epochs" and preset[name] != plain[name]]
    assert len(changed) >= 3
    args = ["--preset", "fast", "--ablate", "--with", "--epochs 2", "--seeds", 1, "--held-out", 50]
    rows = run("mnist_mlp", *args, cwd=tmp_path)
    assert list(rows) == ["fast", *(f"fast, --{name} {plain[name]}" for name in changed)]
    for name, row in zip(changed, list(rows.values())[1:], strict=True):
        assert settings(*row["options"]) == {**preset, name: plain[name], "epochs": 2}
    assert len({row["accuracies"][0] for row in rows.values()}) > 1


def test_names_that_a_picture_would_read_as_formulas(build: Path, data: Path, tmp_path: Path) -> None:
    tried = f"{SHORT} --output $x$_.bin"
    args = ["mnist_mlp", "--try", tried, "--seeds", 1, "--picture", "a.svg", "--build-dir", BUILD, "--data-dir", data]
    done = run_tool("accuracy", *args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 seed, accuracy" in done.stdout and tried in table(done.stdout)
    assert not (tmp_path / "$x$_.bin").exists() and (tmp_path / "a.svg").stat().st_size > 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "the following arguments are required: PROGRAM"),
        (["mnist"], "PROGRAM: invalid choice: 'mnist'"),
        (["mnist_mlp", "--seeds", "0"], "--seeds: found '0', expected a whole number from 1 to"),
        (["mnist_mlp", "--held-out", "-1"], "--held-out: found '-1', expected a whole number from 0 to"),
        (["mnist_mlp", "--try", "--layers 'dense"], '--try: found "--layers \'dense", expected words as in a shell'),
        (["mnist_mlp", "--picture", "a.txt"], "--picture: "),
        (["mnist_mlp", "--frobnicate"], "unrecognized arguments: --frobnicate"),
    ],
)
def test_wrong_usage(args: list[str], said: str, tmp_path: Path) -> None:
    assert error_line(run_tool("accuracy", *args, cwd=tmp_path), "accuracy", 2).startswith(said)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--preset", "plain", "--preset", "quick"], "--preset: found 'quick', expected one of plain, "),
        (["--try", "--frobnicate 3"], "--frobnicate: unknown option, expected one of those that --help lists"),
        (["--try", "--epochs 0"], "--epochs: found '0', expected a whole number from 1 to "),
        (["--try=--help"], "--help: no options of a training, expected those of --help"),
    ],
)
def test_rows_are_looked_at_before_any_training(args: list[str], said: str, build: Path, tmp_path: Path) -> None:
    done = run_tool("accuracy", "mnist_mlp", *args, "--build-dir", BUILD, cwd=tmp_path)
    assert said in error_line(done, "accuracy")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there(build: Path, data: Path, tmp_path: Path) -> None:
    def said(*args: object) -> str:
        return error_line(run_tool("accuracy", "mnist_cnn", "--seeds", 1, *args, cwd=tmp_path), "accuracy")

    line = "no such file, expected a built program (tools/run.sh mnist_cnn makes it)"
    assert said("--build-dir", "none") == f"none/mnist_cnn: {line}"
    assert "none: no such folder" in said("--build-dir", BUILD, "--data-dir", "none")
    held_out = "--validation: of 200 training images it holds out 200, expected at least one and not all"
    assert held_out in said("--build-dir", BUILD, "--data-dir", data, "--held-out", 200)


def test_files_that_would_be_lost(build: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    shutil.copy(BUILD / "mnist_mlp", tmp_path / "build")
    images = data / "train-images.idx3-ubyte"
    before = images.read_bytes()
    for path in (tmp_path / "build/mnist_mlp", images):
        args = ["mnist_mlp", "--json", path, "--build-dir", "build", "--data-dir", data]
        line = error_line(run_tool("accuracy", *args, cwd=tmp_path), "accuracy")
        assert line == f"{path}: is read, too, and would be lost, expected another file to write to"
    assert images.read_bytes() == before
