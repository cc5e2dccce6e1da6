"""tools/export_c.py: the C file against the program and against numpy, its size, and what can be wrong."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from c_export import memory
from c_export.memory import Buffer
from c_export.running import STRICT, Run, compile_and_run
from c_export.source import build_c, identifier
from c_export.weights import quantized
from common.idx import read_dataset
from conftest import Run as TrainingRun
from models import Model, load_model, probabilities, save_model
from models.layers import BatchNorm, Conv, Dense, Dropout, MaxPool, Relu, Residual
from networks import OTHER_NETWORKS, random_images, random_model
from support import DATA, error_line, run_program, run_tool, write_idx, write_mlp

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
DEFAULTS = ("mnist_mlp", "mnist_cnn", "mnist_attention_pool")
TRAINED = {  # small ones of the kinds that presets have, and attention that takes fewer epochs than by default
    "conv and batch norm": "conv 8 3x3, max-pool 2, batch-norm, relu, conv 16 3x3, batch-norm, relu, dense classes",
    "transformer": "patches 7 16, position learned, residual(layer-norm, attention 4 projection), "
    "residual(layer-norm, dense 32, gelu, dense 16), layer-norm, mean, dense classes",
    "attention": "patches 4 32, position sinusoidal, relu, attention 1, dense 64, relu, dense 32, mean, dense classes",
}


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """MNIST's test images and labels."""
    return read_dataset(DATA, "t10k")


@pytest.fixture(scope="module")
def models(runs: dict[str, TrainingRun], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Those of the programs' defaults, and others."""
    folder = tmp_path_factory.mktemp("models")
    paths = {name: runs[name].model for name in DEFAULTS}
    for name, layers in TRAINED.items():
        paths[name] = folder / f"{name}.safetensors"
        options = ["--epochs", 3 if name == "attention" else 1, "--optimizer", "adam", "--lr", 0.003, "--quiet"]
        files = ["--data-dir", DATA, "--output", paths[name], "--log", folder / "log.txt"]
        done = run_program("mnist_cnn", "--layers", layers, *options, *files, cwd=folder)
        assert done.returncode == 0, done.stderr
    return paths


@pytest.mark.parametrize("name", [*DEFAULTS, "conv and batch norm", "transformer"])
def test_equals_the_program(
    name: str, models: dict[str, Path], digits: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    model, images = load_model(models[name]), digits[0][:1000]
    write_idx(tmp_path / "digits", images)
    pictures = [f"digits:{i}" for i in range(len(images))]
    done = run_program("mnist_mlp", "predict", models[name], *pictures, "--threshold", 0, "--json", cwd=tmp_path)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(said) == len(images)
    for compiler in COMPILERS:
        run = compile_and_run(build_c(model, Path("digits.c")), model, images, compiler)
        assert run.classes.tolist() == [one["class"] for one in said]
        for one, found in zip(said, run.probabilities, strict=True):
            for top in one["top"]:
                assert found[top["class"]] == pytest.approx(top["confidence"], abs=1e-5)


@pytest.mark.parametrize("name", ["mnist_mlp", "mnist_cnn", *TRAINED])
def test_int8_keeps_the_accuracy(name: str, models: dict[str, Path], digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = digits
    model = load_model(models[name])
    floats, small = (build_c(model, Path("digits.c"), int8) for int8 in (False, True))
    before, after = (compile_and_run(exported, model, images) for exported in (floats, small))
    assert abs(100 * np.mean(after.classes == labels) - 100 * np.mean(before.classes == labels)) <= 0.1
    assert 0 < np.abs(after.probabilities - before.probabilities).max() < 0.2
    assert small.weight_bytes < 0.45 * floats.weight_bytes and small.memory_bytes == floats.memory_bytes


@pytest.mark.parametrize("name", OTHER_NETWORKS)
def test_every_layer(name: str) -> None:
    """On every kind of shape."""
    model, images = random_model(OTHER_NETWORKS[name]), random_images(OTHER_NETWORKS[name], 50)
    expected = probabilities(model, images / 255)
    floats, small = (run(model, images, int8) for int8 in (False, True))
    np.testing.assert_allclose(floats.probabilities, expected, atol=1e-6)
    assert (floats.classes == expected.argmax(axis=1)).all()
    assert 0 < np.abs(small.probabilities - expected).max() < 0.01


def run(model: Model, images: np.ndarray, int8: bool = False) -> Run:
    return compile_and_run(build_c(model, Path("x.c"), int8), model, images)


@pytest.mark.parametrize(
    "layers",
    [
        (Residual((Residual((Dropout(0.1),)), Dropout(0.1))), Dense(3)),
        (Residual((Relu(), Residual((Relu(), Residual((Dense(24), Relu())))))), Relu(), Dense(3)),
        (Residual((BatchNorm(), Relu())), BatchNorm(), BatchNorm(), Dense(3), BatchNorm(), BatchNorm()),
    ],
)
def test_what_a_residual_adds_is_not_overwritten(layers: tuple) -> None:
    model = random_model(Model(input=(24,), layers=layers))
    images = random_images(model, 20)
    np.testing.assert_allclose(run(model, images).probabilities, probabilities(model, images / 255), atol=1e-6)


@pytest.mark.parametrize(
    "layers",
    [
        (Conv(3, 3), MaxPool(2), MaxPool(2), Dense(3)),
        (Conv(3, 3), BatchNorm(), Relu(), MaxPool(3), BatchNorm(), Dense(3)),
        (Conv(3, 3, stride=2), MaxPool(2), BatchNorm(), Relu(), MaxPool(2), Dense(3)),
        (MaxPool(2), Relu(), Dropout(0.5), MaxPool(2), Dense(3)),
    ],
)
def test_layers_that_change_places(layers: tuple) -> None:
    model = random_model(Model(input=(13, 12), layers=layers))
    images = random_images(model, 20)
    np.testing.assert_allclose(run(model, images).probabilities, probabilities(model, images / 255), atol=1e-6)


def test_memory_is_shared_but_never_by_what_is_needed_at_once() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        first = rng.integers(0, 20, 15)
        last = first + rng.integers(0, 5, 15)
        sizes = rng.integers(1, 100, 15)
        buffers = [Buffer("b", int(s), int(f), int(t)) for s, f, t in zip(sizes, first, last, strict=True)]
        whole = memory.place(buffers)
        assert max(b.offset + b.size for b in buffers) == whole <= sizes.sum()
        for i, a in enumerate(buffers):
            for b in buffers[:i]:
                assert not a.meets(b) or a.offset + a.size <= b.offset or b.offset + b.size <= a.offset


def test_the_file_says_how_large_it_is(tmp_path: Path) -> None:
    """The image, the pooled maps and one place of 8 filters are in memory at once, the whole maps never."""
    model = random_model(Model(input=(28, 28), layers=(Conv(8, 3), Relu(), MaxPool(2), Dense(10))))
    for int8, weights in ((False, 4 * 15770), (True, 15752 + 4 * (8 + 8 + 10 + 10))):
        exported = build_c(model, tmp_path / "digits.c", int8)
        assert (exported.weight_bytes, exported.memory_bytes) == (weights, 4 * (784 + 8 + 1568))
        assert f"Weights  {weights} bytes, constant" in exported.text
        assert "Memory   9440 bytes, static" in exported.text


def test_int8_weights_are_at_most_a_step_off_and_their_sum_half_a_step() -> None:
    values = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    values[:, 2] = 0
    numbers, steps = quantized(values)
    assert numbers.dtype == np.int8 and (np.abs(numbers).max(axis=0) >= [126, 126, 0, 126]).all()
    off = numbers * steps - values
    assert (np.abs(off) <= 1.001 * steps).all()
    assert (np.abs(off.cumsum(axis=0)) <= 0.501 * steps).all()


def test_two_networks_in_one_program(tmp_path: Path) -> None:
    """Called as the files say, with class names that C has to be told with care."""
    names = ['say "no"', "what??/", "\\n%d\\", "Æ 語"]
    wide, deep = (random_model(OTHER_NETWORKS[name]) for name in ("one layer", "transformer"))
    wide = replace(wide, metadata={"class_names": json.dumps(names)})
    for path, model in ((tmp_path / "9 wide.c", wide), (tmp_path / "deep.c", deep)):
        save_model(tmp_path / "m.safetensors", model)
        assert run_tool("export_c", "m.safetensors", "--output", path, cwd=tmp_path).returncode == 0
    (tmp_path / "main.c").write_text("""
#define MODEL_9_WIDE_DECLARATIONS
#include "9 wide.c"
#define DEEP_DECLARATIONS
#include "deep.c"
#include <stdio.h>
int main(void) {
  static const uint8_t wide[MODEL_9_WIDE_ROWS * MODEL_9_WIDE_COLUMNS] = {9, 200}, deep[DEEP_ROWS * DEEP_COLUMNS] = {7};
  float probabilities[DEEP_CLASSES];
  for (int i = 0; i < MODEL_9_WIDE_CLASSES; ++i) puts(model_9_wide_class_names[i]);
  const int best = model_9_wide_classify(wide, 0);
  printf("%d %d", best, deep_classify(deep, probabilities));
  for (int i = 0; i < DEEP_CLASSES; ++i) printf(" %.6f", (double)probabilities[i]);
}
""")
    sources = ["main.c", "9 wide.c", "deep.c"]
    subprocess.run(["cc", *STRICT, *sources, "-o", "main", "-lm"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], stdout=subprocess.PIPE, encoding="utf-8", check=True)
    *said, last = done.stdout.splitlines()
    pixels = np.zeros((2, 54))
    pixels[0, :2], pixels[1, 0] = (9, 200), 7
    first, second = probabilities(wide, pixels[0, :35] / 255)[0], probabilities(deep, pixels[1] / 255)[0]
    assert said == names
    assert last.split()[:2] == [str(first.argmax()), str(second.argmax())]
    assert list(map(float, last.split()[2:])) == pytest.approx(second, abs=2e-6)


def test_names() -> None:
    names = {"digits": "digits", "my-net 2": "my_net_2", "5": "model_5", "_x": "model_x", "é": "model_"}
    assert {stem: identifier(stem) for stem in names} == names


def test_check_says_how_accurate_large_and_fast_it_is(
    models: dict[str, Path], digits: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    model = load_model(models["mnist_cnn"])
    right = 100 * np.mean(run(model, digits[0]).classes == digits[1])
    done = run_tool("export_c", models["mnist_cnn"], "--output", "digits.c", "--check", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    checked, compiled, wrote = done.stdout.splitlines()
    assert checked.startswith("check: the file equals numpy within ")
    assert checked.endswith(f" on 1000 test images; accuracy {right:.2f} % on 10000 test images")
    assert compiled.startswith("cc -O3: an object file of ") and compiled.endswith(" us an image")
    text = (tmp_path / "digits.c").read_text()
    sizes = f"{len(text)} bytes; 63080 bytes of weights, 9440 bytes of memory"
    assert wrote == f"wrote digits.c: conv 8 3x3, relu, max-pool 2, dense 10, {sizes}"
    assert text == build_c(model, Path("digits.c")).text
    done = run_tool("export_c", models["mnist_cnn"], "--output", "digits.c", "--check", "--int8", cwd=tmp_path)
    assert done.stdout.startswith("int8: accuracy ")
    assert f" % on 10000 test images (float: {right:.2f} %)\n" in done.stdout


def test_bad_input(tmp_path: Path) -> None:
    def said(*args: object, **environment: str) -> str:
        return error_line(run_tool("export_c", *args, cwd=tmp_path, **environment), "export_c")

    model = write_mlp(tmp_path / "a.bin")
    assert said("no.bin").startswith("no.bin: no such file, expected a trained model; make it with: ")
    assert said("a.bin", "--output", "a.bin") == (
        "a.bin: is read, too, and would be lost, expected another file to write to"
    )
    assert said("a.bin", "--output", "a.bin/a.c") == (
        "a.bin/a.c: cannot be written (not a directory), expected a writable file"
    )
    assert said("a.bin", "--output", "/dev/full") == (
        "/dev/full: cannot be written (no space left on device), expected a writable file"
    )
    assert said("a.bin", "--check", PATH="/nowhere") == "cc: no such file or directory, expected a C compiler"
    small = write_mlp(tmp_path / "small.bin", inputs=9)
    assert said(small, "--check") == (
        f"{DATA}: images of 28 x 28 pixels, expected 9 pixels an image, as the network takes (dense 3, relu, dense 10)"
    )
    network = random_model(Model(input=(9,), layers=(Dense(3), BatchNorm())))
    tensors = {**network.tensors, "batch_norm1.running_var": -np.ones(3, np.float32)}
    save_model(tmp_path / "b.safetensors", replace(network, tensors=tensors))
    assert said("b.safetensors") == "b.safetensors: values of dense1_weight are NaN or infinite, expected finite ones"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "b.safetensors", "small.bin"]
    assert model.stat().st_size > 0
