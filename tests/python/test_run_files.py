"""The files of a run: which of them may not be the same, and that none is lost when another one fails."""

import json
import subprocess
from pathlib import Path

import pytest

from support import BUILD, MODEL_BYTES, error_line, random_images, run_program, small_mnist

SHORT = ["--epochs", "1", "--quiet"]


def contents(folder: Path) -> dict[Path, bytes]:
    """Of every file below `folder`."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--output", "data/train-images.idx3-ubyte"], "--output: {} is also used by --data-dir"),
        (["--log", "data/t10k-labels-idx1-ubyte.gz"], "--log: {} is also used by --data-dir"),
        (["--class-names", "c.txt", "--output", "c.txt"], "--output: {} is also used by --class-names"),
        (["--config", "c.json", "--log-json", "link"], "--log-json: {} is also used by --config"),
        (["--output", "m.bin", "--log", "./m.bin"], "--log: {} is also used by --output"),
        (["--output", "m.bin", "--log-json", "new/../m.bin"], "--log-json: {} is also used by --output"),
        (["--output", "m.bin", "--save-config", "m.bin"], "--save-config: {} is also used by --output"),
        (["--log", "l.txt", "--log-json", "l.txt"], "--log-json: {} is also used by --log"),
        (["--hidden", "8,8", "--log", "mnist_model.safetensors"], "--log: {} is also used by --output"),
        (
            ["--checkpoint-dir", "ck", "--output", "ck/latest.safetensors"],
            "--output: {} is also used by --checkpoint-dir",
        ),
        (
            ["--checkpoint-dir", "ck", "--log", "./ck/epoch-000001.safetensors"],
            "--log: {} is also used by --checkpoint-dir",
        ),
    ],
)
def test_files_that_are_the_same_are_refused(args: list[str], said: str, tmp_path: Path) -> None:
    small_mnist(tmp_path / "data", 20)
    (tmp_path / "c.txt").write_text("\n".join("abcdefghij"))
    (tmp_path / "c.json").write_text(json.dumps({"lr": 0.1}))
    (tmp_path / "link").symlink_to("c.json")
    before = contents(tmp_path)
    line = error_line(run_program("mnist_mlp", *SHORT, *args, cwd=tmp_path), "mnist_mlp")
    assert line == said.format(args[-1]) + ", expected a path of its own"
    assert contents(tmp_path) == before


def test_a_model_does_not_replace_the_checkpoint_that_it_goes_on_from(small_data: Path, tmp_path: Path) -> None:
    made = run_program("mnist_mlp", *SHORT, "--data-dir", small_data, "--checkpoint-dir", "ck", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    before = (tmp_path / "ck/best.safetensors").read_bytes()
    for folder, option in ("ck", "--checkpoint-dir"), ("other", "--resume"):
        args = ["--resume", "ck/best.safetensors", "--checkpoint-dir", folder, "--output"]
        result = run_program("mnist_mlp", *args, "ck/best.safetensors", cwd=tmp_path)
        said = f"--output: ck/best.safetensors is also used by {option}, expected a path of its own"
        assert error_line(result, "mnist_mlp") == said
    assert (tmp_path / "ck/best.safetensors").read_bytes() == before


def test_augmented_pictures_do_not_replace_the_images(tmp_path: Path) -> None:
    before = contents(small_mnist(tmp_path / "data", 20))
    images = "data/train-images.idx3-ubyte"
    args = ["augment", "--augment", "shift=2", "--output", images]
    line = error_line(run_program("mnist_cnn", *args, cwd=tmp_path), "mnist_cnn")
    assert line == f"--output: {images} is also used by --data-dir, expected a path of its own"
    assert contents(tmp_path / "data") == before


@pytest.mark.parametrize(
    "option",
    [
        "--init-from",
        "--resume",
        "--config",
        "--save-config",
        "--data",
        "--data-dir",
        "--class-names",
        "--output",
        "--checkpoint-dir",
    ],
)
def test_an_empty_path_is_refused(option: str, tmp_path: Path) -> None:
    line = error_line(run_program("mnist_mlp", option, "", cwd=tmp_path), "mnist_mlp", 2)
    assert line == f"{option}: found '', expected a path"


def test_an_empty_model_is_refused(tmp_path: Path) -> None:
    for models in ([""], ["m.bin", ""]):
        line = error_line(run_program("mnist_mlp", "evaluate", *models, cwd=tmp_path), "mnist_mlp", 2)
        assert line == "MODEL: found '', expected a path"


def test_an_empty_log_is_none(small_data: Path, tmp_path: Path) -> None:
    args = ["--data-dir", small_data, "--log", "", "--log-json", ""]
    result = run_program("mnist_mlp", *SHORT, *args, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mnist_model.bin"]


@pytest.mark.parametrize("option", ["--log", "--log-json", "--checkpoint-dir"])
def test_a_log_or_checkpoint_that_fails_does_not_cost_the_model(option: str, small_data: Path, tmp_path: Path) -> None:
    (tmp_path / "ck/epoch-000002.safetensors").mkdir(parents=True)
    path, said = "/dev/full", "/dev/full: writing failed: No space left on device"
    if option == "--checkpoint-dir":
        path, said = "ck", "ck/epoch-000002.safetensors: cannot be written: Is a directory"
    args = ["--epochs", 3, "--data-dir", small_data, "--output", "m.bin", option, path]
    result = run_program("mnist_mlp", *args, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (1, f"mnist_mlp: error: {said}\n")
    size = MODEL_BYTES["mnist_mlp"]
    assert result.stdout.endswith(f"wrote m.bin ({size} bytes), the model as it is now\n")
    assert (tmp_path / "m.bin").stat().st_size == size
    evaluated = run_program("mnist_mlp", "evaluate", "m.bin", "--data-dir", small_data, cwd=tmp_path)
    assert evaluated.returncode == 0 and evaluated.stdout.startswith("test accuracy: ")


def test_two_runs_do_not_share_a_folder_of_checkpoints(small_data: Path, tmp_path: Path) -> None:
    args = ["--data-dir", small_data, "--checkpoint-dir", "ck"]
    first = subprocess.Popen(
        [BUILD / "mnist_mlp", "--epochs", "100000", "--quiet", *args], cwd=tmp_path, stdout=subprocess.PIPE
    )
    try:
        while not (tmp_path / "ck/latest.safetensors").exists():
            assert first.poll() is None
        for started in (["--resume", "ck"], args):
            result = run_program("mnist_mlp", *SHORT, "--output", "second.bin", *started, cwd=tmp_path)
            said = "ck: another run uses it, expected a folder of its own for each run"
            assert error_line(result, "mnist_mlp") == said
        assert not (tmp_path / "second.bin").exists()
    finally:
        first.kill()
        first.communicate(timeout=60)
    resumed = run_program("mnist_mlp", "--resume", "ck", "--epochs", "1", "--quiet", cwd=tmp_path)
    assert "another run" not in resumed.stderr  # the lock ended with its run


def test_the_names_say_how_many_classes_there_are(tmp_path: Path) -> None:
    """As tools/make_idx.py writes them for two folders of pictures."""
    random_images(tmp_path / "data", 28, 2)
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\n")
    args = [*SHORT, "--class-names", "names.txt", "--output", "m.safetensors"]
    result = run_program("mnist_mlp", *args, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    evaluated = run_program("mnist_mlp", "evaluate", "m.safetensors", "--json", cwd=tmp_path)
    assert [c["name"] for c in json.loads(evaluated.stdout)["classes"]] == ["cat", "dog"]

    names.write_text("cat\n")
    line = error_line(run_program("mnist_mlp", *args, cwd=tmp_path), "mnist_mlp")
    assert line == "names.txt: 1 names, expected 2, one for each class of data"
