"""--init-from: training starts from the network and the weights of a model."""

import json
from pathlib import Path

import numpy as np
import pytest

from models import Model, load_model, network_json, save_model
from models.layers import BatchNorm, Conv, Dense, MaxPool, Relu
from models.old_networks import cnn, mlp
from networks import random_model
from support import MNIST_PROGRAMS, error_line, interrupt_after, random_images, run_program

MLP = mlp(784, [(20, "relu", 0)], 10)
# With buffers, which are not trained, and which .bin cannot hold.
DEEP = Model(input=(28, 28), layers=(Conv(4, 3), BatchNorm(), Relu(), MaxPool(2), Dense(12), Relu(), Dense(10)))
STILL = ["--lr", "1e-12", "--epochs", "1"]  # training that changes nothing that one could see


def tune(*args: object, cwd: Path, program: str = "mnist_mlp") -> str:
    """What the run prints, which makes m.safetensors."""
    done = run_program(program, *args, "--output", "m.safetensors", cwd=cwd)
    assert done.returncode == 0 and done.stderr == "", done
    return done.stdout


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
@pytest.mark.parametrize("name", ["mlp.bin", "cnn.bin", "deep.safetensors"])
def test_weights_start_there(program: str, name: str, small_data: Path, tmp_path: Path) -> None:
    """Any program takes any network."""
    networks = {"mlp.bin": MLP, "cnn.bin": cnn((28, 28), 4, 3, 10), "deep.safetensors": DEEP}
    start = random_model(networks[name])
    save_model(tmp_path / name, start)
    said = tune("--init-from", name, *STILL, "--data-dir", small_data, cwd=tmp_path, program=program)
    count = len(start.tensors)
    assert f"\nweights: {count} of {count} tensors from {name}\n" in said
    assert f"\nsettings: --init-from {name} " in said
    found = load_model(tmp_path / "m.safetensors")
    assert network_json(found) == network_json(start) and found.program == program
    for key, value in start.tensors.items():
        if not key.endswith(("running_mean", "running_var")):  # which are of the images
            np.testing.assert_allclose(found.tensors[key], value, atol=1e-6)


def test_it_learns_from_there(small_data: Path, tmp_path: Path) -> None:
    """A second run has a lower loss than the first one, and is another one than with other weights."""
    common = ["--hidden", "32", "--lr", "0.1", "--epochs", "5", "--data-dir", small_data, "--quiet"]
    tune(*common, cwd=tmp_path)
    (tmp_path / "m.safetensors").rename(tmp_path / "first.safetensors")
    tune(*common[2:], "--init-from", "first.safetensors", cwd=tmp_path)
    first, second = (load_model(tmp_path / f"{name}.safetensors") for name in ("first", "m"))
    assert json.loads(second.metadata["losses"])[0] < json.loads(first.metadata["losses"])[-1]


@pytest.mark.parametrize("classes", [4, 17])
@pytest.mark.parametrize("network", [MLP, DEEP], ids=["mlp", "deep"])
def test_other_classes(classes: int, network: Model, tmp_path: Path) -> None:
    start = random_model(network)
    save_model(tmp_path / "start.safetensors", start)
    data = random_images(tmp_path / "data", 28, classes)
    args = ["--init-from", "start.safetensors", *STILL, "--data-dir", data, "--classes", classes]
    said = tune(*args, cwd=tmp_path)
    found, count = load_model(tmp_path / "m.safetensors"), len(start.tensors)
    last = "; the last layer starts from scratch, for other classes\n"
    assert f"\nweights: {count - 2} of {count} tensors from start.safetensors{last}" in said
    assert found.classes == classes and found.layers[:-1] == start.layers[:-1]
    *kept, weight, bias = found.tensors
    for key in kept:
        if "running" not in key:
            np.testing.assert_allclose(found.tensors[key], start.tensors[key], atol=1e-6)
    assert found.tensors[weight].std() > 0 and np.abs(found.tensors[bias]).max() < 1e-6
    tune(*args, "--seed", "7", cwd=tmp_path)
    other = load_model(tmp_path / "m.safetensors")
    assert (other.tensors[weight] != found.tensors[weight]).any()


def test_classes_that_the_last_layer_cannot_have(small_data: Path, tmp_path: Path) -> None:
    """Only a last layer that is dense can be replaced."""
    save_model(tmp_path / "m.safetensors", random_model(Model(input=(784,), layers=(Dense(12), Relu()))))
    done = run_program("mnist_mlp", "--init-from", "m.safetensors", "--quiet", "--data-dir", small_data, cwd=tmp_path)
    said = "m.safetensors: the last layer makes 12 numbers, expected 10, one for each class"
    assert error_line(done, "mnist_mlp") == said


def test_an_outlier_class_is_another_class(small_data: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "start.bin", random_model(MLP))
    args = ["--init-from", "start.bin", "--data-dir", small_data, *STILL]
    assert "starts from scratch" in tune(*args, "--outliers", "0.1", cwd=tmp_path)
    assert load_model(tmp_path / "m.safetensors").classes == 11


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_what_is_refused(program: str, small_data: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "start.safetensors", random_model(cnn((28, 28), 4, 3, 10)))
    whole = (tmp_path / "start.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-1])
    (tmp_path / "other.bin").write_bytes(b"hello")

    def said(path: str, *args: object) -> str:
        args = ("--init-from", path, "--quiet", "--data-dir", small_data, *args)
        return error_line(run_program(program, *args, cwd=tmp_path), program)

    assert said("none.bin") == "none.bin: no such file"
    assert said("cut.safetensors").startswith("cut.safetensors: ")
    assert said("other.bin").startswith("other.bin: not a model file, or cut short: ")
    other = random_images(tmp_path / "other", 20, 10)
    line = said("start.safetensors", "--data-dir", other)
    assert line == "start.safetensors: takes 28 x 28 pixels, expected 20 x 20, as the images have"
    assert not list(tmp_path.glob("mnist_*"))
    for output in ("start.safetensors", "./start.safetensors"):
        line = said("start.safetensors", "--output", output)
        assert line == f"--output: {output} is also used by --init-from, expected a path of its own"
    (tmp_path / "link.bin").symlink_to("start.safetensors")
    assert "is also used by --init-from" in said("link.bin", "--output", "start.safetensors")
    assert "is also used by --init-from" in said("start.safetensors", "--log", "start.safetensors")
    assert (tmp_path / "start.safetensors").read_bytes() == whole


def test_a_model_of_the_default_name_is_kept(small_data: Path, tmp_path: Path) -> None:
    """Even if the network is one for which .bin, the default's ending, becomes .safetensors."""
    path = tmp_path / "mnist_model.safetensors"
    save_model(path, random_model(DEEP))
    before = path.read_bytes()
    args = ["--init-from", path.name, "--quiet", "--data-dir", small_data]
    line = error_line(run_program("mnist_mlp", *args, cwd=tmp_path), "mnist_mlp")
    assert line == f"--output: {path.name} is also used by --init-from, expected a path of its own"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("program", "option"),
    [
        ("mnist_mlp", "--layers=dense 10"),
        ("mnist_mlp", "--hidden=32"),
        ("mnist_mlp", "--activation=tanh"),
        ("mnist_mlp", "--dropout=0.1"),
        ("mnist_cnn", "--filters=4"),
        ("mnist_cnn", "--kernel=5"),
        ("mnist_attention_pool", "--d-model=32"),
        ("mnist_attention_pool", "--heads=2"),
    ],
)
def test_a_network_beside_it_is_wrong_usage(program: str, option: str, build: Path, tmp_path: Path) -> None:
    line = error_line(run_program(program, "--init-from", "m.bin", option, cwd=tmp_path), program, 2)
    names = {"--init-from", option.split("=")[0]}
    assert line.endswith(", expected one of the two") and all(name in line for name in names)


@pytest.mark.parametrize("classes", [10, 4])
def test_a_run_goes_on_without_the_file(classes: int, tmp_path: Path) -> None:
    """To the same bytes as one that was not interrupted."""
    data = random_images(tmp_path / "data", 28, classes, count=300)
    save_model(tmp_path / "start.safetensors", random_model(DEEP))
    args = ["--init-from", "start.safetensors", "--epochs", "20", "--optimizer", "adam", "--classes", classes]
    args += ["--data-dir", data]
    tune(*args, cwd=tmp_path)
    whole = (tmp_path / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").unlink()
    files = ["--output", "m.safetensors", "--checkpoint-dir", "ck"]
    interrupt_after(tmp_path / "ck/latest.safetensors", "mnist_mlp", *args, *files, cwd=tmp_path)
    (tmp_path / "start.safetensors").unlink()
    done = run_program("mnist_mlp", "--resume", "ck", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "weights: " not in done.stdout and "resuming ck/latest.safetensors: " in done.stdout
    assert (tmp_path / "m.safetensors").read_bytes() == whole
    other = run_program("mnist_mlp", "--resume", "ck", "--init-from", "other.bin", cwd=tmp_path)
    assert '--init-from "start.safetensors" there, "other.bin" here' in error_line(other, "mnist_mlp")


def test_the_model_says_where_it_comes_from(small_data: Path, tmp_path: Path) -> None:
    """Not which network options there might have been."""
    save_model(tmp_path / "start.bin", random_model(MLP))
    tune("--init-from", "start.bin", "--preset", "fast", *STILL, "--data-dir", small_data, cwd=tmp_path)
    found = load_model(tmp_path / "m.safetensors")
    assert found.program == "mnist_mlp" and found.settings["init-from"] == "start.bin"
    assert not {"layers", "hidden", "activation", "dropout"} & found.settings.keys()
    (tmp_path / "c.json").write_text(json.dumps({"init-from": "start.bin", "hidden": "32"}))
    assert "--hidden" not in tune("--config", "c.json", *STILL, "--data-dir", small_data, cwd=tmp_path)
