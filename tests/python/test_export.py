"""tools/export_onnx.py on models of the three programs, and what it says when something is missing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from common.errors import InputError
from common.idx import read_dataset
from conftest import Run
from export_onnx import check
from models import load_model, logits, network_json, save_model
from networks import OTHER_NETWORKS, random_images, random_model
from onnx_export import runtime
from onnx_export.graph import build_onnx
from support import DATA, error_line, run_tool, write_idx, write_mlp

PROGRAMS = ("mnist_mlp", "mnist_cnn", "mnist_attention_pool")


def accuracy_of(path: Path) -> float:
    images, labels = read_dataset(DATA, "t10k")
    _, probs = runtime.run(onnx.load(path), images / 255)
    return 100 * np.mean(probs.argmax(axis=1) == labels)


@pytest.mark.parametrize("program", PROGRAMS)
def test_export_and_check(program: str, runs: dict[str, Run], tmp_path: Path) -> None:
    """On all 10,000 test digits: the tool itself fails if a difference is above 1e-5."""
    output = tmp_path / "model.onnx"
    done = run_tool("export_onnx", runs[program].model, output, "--check", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    checked, wrote = done.stdout.splitlines()
    model = load_model(runs[program].model)
    assert checked.startswith("check: onnxruntime equals numpy within ")
    assert checked.endswith(f" on 10000 test images, accuracy {accuracy_of(output):.2f} %")
    assert wrote == f"wrote {output}: {model.summary}, {output.stat().st_size} bytes"


@pytest.mark.parametrize("program", PROGRAMS)
def test_file_describes_itself(program: str, runs: dict[str, Run], tmp_path: Path) -> None:
    output = tmp_path / "model.onnx"
    assert run_tool("export_onnx", runs[program].model, output, cwd=tmp_path).returncode == 0
    exported = onnx.load(output)
    onnx.checker.check_model(exported, full_check=True)
    assert [(o.domain, o.version) for o in exported.opset_import] == [("", 20)] and exported.ir_version == 9
    properties = {entry.key: entry.value for entry in exported.metadata_props}
    assert properties["program"] == exported.producer_name == program
    assert properties["network"] == network_json(load_model(runs[program].model))
    assert json.loads(properties["class_names"]) == list("0123456789")
    assert "0 = paper, 1 = ink" in properties["preparation"]
    names = [node.name for node in exported.graph.node]
    assert len(set(names)) == len(names) and names[-2:] == ["logits", "probabilities"]
    shaped = {value.name for value in exported.graph.value_info}
    assert shaped == set(names) - {"logits", "probabilities"}  # Netron shows the shape of every value


def test_any_number_of_images(runs: dict[str, Run], tmp_path: Path) -> None:
    model = runs["mnist_attention_pool"].model
    assert run_tool("export_onnx", model, "a.onnx", cwd=tmp_path).returncode == 0
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    (image,) = session.get_inputs()
    assert (image.name, image.shape, image.type) == ("image", ["N", 1, 28, 28], "tensor(float)")
    images = np.random.default_rng(1).random((7, 1, 28, 28), np.float32)
    whole = session.run(["probabilities"], {"image": images})[0]
    for i in range(7):
        alone = session.run(["probabilities"], {"image": images[i : i + 1]})[0]
        np.testing.assert_allclose(alone, whole[i : i + 1], atol=1e-6)


@pytest.mark.parametrize("program", PROGRAMS)
def test_int8(program: str, runs: dict[str, Run], tmp_path: Path) -> None:
    model, output = runs[program].model, tmp_path / "int8.onnx"
    onnx.save(build_onnx(load_model(model)), tmp_path / "float.onnx")
    done = run_tool("export_onnx", model, output, "--quantize", "int8", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    before, after = accuracy_of(tmp_path / "float.onnx"), accuracy_of(output)
    sizes = output.stat().st_size, (tmp_path / "float.onnx").stat().st_size
    assert done.stdout.splitlines()[0] == (
        f"int8: accuracy {after:.2f} % on 10000 test images (float32: {before:.2f} %),"
        f" {sizes[0]} bytes (float32: {sizes[1]})"
    )
    assert abs(after - before) < 1 and sizes[0] < 0.45 * sizes[1]
    assert {entry.key for entry in onnx.load(output).metadata_props} >= {"program", "network", "class_names"}


@pytest.mark.parametrize("name", OTHER_NETWORKS)
def test_int8_of_other_networks(name: str) -> None:
    exported = build_onnx(random_model(OTHER_NETWORKS[name]))
    images = random_images(OTHER_NETWORKS[name], 200) / 255
    small = runtime.quantized(exported, images)
    _, before = runtime.run(exported, images)
    _, after = runtime.run(small, images)
    assert 0 < np.abs(after - before).max() < 0.1
    assert any(weight.data_type == onnx.TensorProto.INT8 for weight in small.graph.initializer)
    alone = np.concatenate([runtime.run(small, images[i : i + 1])[1] for i in range(99)])
    changes = np.abs(alone - after[:99]).max(axis=1)
    assert np.median(changes) < 1e-6  # whoever else is in the batch; rounding can move a few by an int8 step


def test_default_names_and_other_metadata(tmp_path: Path) -> None:
    names = json.dumps([f"class {i}" for i in range(10)])
    model = load_model(write_mlp(tmp_path / "digits.bin"))
    model = replace(model, metadata={"class_names": names, "options": '{"epochs": 3}'})
    save_model(tmp_path / "digits.safetensors", model)
    run_tool("export_onnx", "digits.safetensors", cwd=tmp_path)
    run_tool("export_onnx", "digits.safetensors", "--quantize", "int8", cwd=tmp_path)
    for path in (tmp_path / "digits.onnx", tmp_path / "digits.int8.onnx"):
        properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert (properties["class_names"], properties["options"]) == (names, '{"epochs": 3}')


def test_check_fails_where_the_networks_differ(tmp_path: Path) -> None:
    model, other = (load_model(write_mlp(tmp_path / "model", weight=w)) for w in (0.5, 0.5001))
    with pytest.raises(
        InputError, match=r"^--check: onnxruntime and numpy differ by .*, expected at most 1e-05"
    ):
        check(runtime, model, build_onnx(other), DATA)


def test_transposed_images_that_are_no_square(tmp_path: Path) -> None:
    """Images and labels are read as the training did; pixels in a row take any form, here 7 x 5."""
    for part, count in (("train", 40), ("t10k", 20)):
        pixels = np.random.default_rng(1).integers(0, 256, (count, 5, 7))
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", pixels)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.arange(count) % 4)
    model = random_model(OTHER_NETWORKS["one layer"])
    model = replace(model, metadata={"options": '{"transpose": true}'})
    save_model(tmp_path / "a.safetensors", model)
    options = ("--check", "--quantize", "int8", "--data-dir", ".")
    done = run_tool("export_onnx", "a.safetensors", *options, cwd=tmp_path)
    predictions = logits(model, pixels.swapaxes(1, 2) / 255).argmax(axis=1)
    accuracy = f"accuracy {100 * np.mean(predictions == np.arange(20) % 4):.2f} %"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].endswith(f"on 20 test images, {accuracy}")


def test_images_that_do_not_fit(tmp_path: Path) -> None:
    write_mlp(tmp_path / "small.bin", inputs=9)
    takes = "9 pixels an image, as the network takes (dense 3, relu, dense 10)"
    for options in (["--check"], ["--quantize", "int8"]):
        failed = run_tool("export_onnx", "small.bin", "--data-dir", DATA, *options, cwd=tmp_path)
        assert error_line(failed, "export_onnx") == f"{DATA}: images of 28 x 28 pixels, expected {takes}"
        assert [path.name for path in tmp_path.iterdir()] == ["small.bin"]


def test_bad_input(tmp_path: Path) -> None:
    said = error_line(run_tool("export_onnx", "no.bin", cwd=tmp_path), "export_onnx")
    assert said.startswith("no.bin: no such file, expected a trained model; make it with: ")
    write_mlp(tmp_path / "a.bin")
    said = error_line(run_tool("export_onnx", "a.bin", "a.bin/a.onnx", cwd=tmp_path), "export_onnx")
    assert said == "a.bin/a.onnx: cannot be written (not a directory), expected a writable file"
    said = error_line(run_tool("export_onnx", "a.bin", "a.bin", cwd=tmp_path), "export_onnx")
    assert said == "a.bin: is read, too, and would be lost, expected another file to write to"
    said = error_line(run_tool("export_onnx", "a.bin", "--quantize", "int4", cwd=tmp_path), "export_onnx", 2)
    assert said.startswith("--quantize: ") and "'int4'" in said


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_missing_package(package: str, tmp_path: Path) -> None:
    stub = f"raise ModuleNotFoundError(\"No module named '{package}'\", name='{package}')\n"
    (tmp_path / f"{package}.py").write_text(stub)
    write_mlp(tmp_path / "a.bin")
    said = error_line(run_tool("export_onnx", "a.bin", cwd=tmp_path, PYTHONPATH=str(tmp_path)), "export_onnx")
    start = f"{package}: cannot be imported (No module named '{package}'), expected it installed: "
    assert said.startswith(start) and "-m pip install -r " in said
    assert said.endswith("tools/requirements-export.txt")
