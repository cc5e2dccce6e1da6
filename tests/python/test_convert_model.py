"""tools/convert_model.py: SafeTensors and .bin both ways, NPZ out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import load_model, network_json, save_model
from networks import OTHER_NETWORKS, random_model
from support import GOLDEN, error_line, run_tool


@pytest.mark.parametrize("name", ["mlp", "cnn", "attention"])
def test_bin_to_safetensors_and_back(name: str, tmp_path: Path) -> None:
    for source, output in ((GOLDEN / f"{name}.bin", "a.safetensors"), ("a.safetensors", "a.bin")):
        done = run_tool("convert_model", source, output, cwd=tmp_path)
        size = (tmp_path / output).stat().st_size
        summary = load_model(GOLDEN / f"{name}.bin").summary
        assert (done.stdout, done.stderr) == (f"wrote {output}: {summary}, {size} bytes\n", "")
    assert (tmp_path / "a.bin").read_bytes() == (GOLDEN / f"{name}.bin").read_bytes()


@pytest.mark.parametrize("name", OTHER_NETWORKS)
def test_npz(name: str, tmp_path: Path) -> None:
    model = replace(random_model(OTHER_NETWORKS[name]), metadata={"options": '{"epochs": 3}'})
    save_model(tmp_path / "a.safetensors", model)
    assert run_tool("convert_model", "a.safetensors", "a.npz", cwd=tmp_path).returncode == 0
    with np.load(tmp_path / "a.npz") as stored:
        metadata = json.loads(str(stored["metadata"]))
        assert set(stored) == {"metadata", *model.tensors}
        assert all(np.array_equal(stored[name], tensor) for name, tensor in model.tensors.items())
    own = {"format": "nn.model", "network": network_json(model), "program": model.program}
    assert metadata == {**model.metadata, **own}


def test_refusals(tmp_path: Path) -> None:
    save_model(tmp_path / "a.safetensors", random_model(OTHER_NETWORKS["transformer"]))
    for output, said in (
        ("a.bin", "a.bin: the network has the layers patches 3 12, position learned, residual("),
        ("a.txt", "a.txt: ending '.txt', expected one of .safetensors, .bin, .npz"),
        ("a.safetensors/a.npz", "a.safetensors/a.npz: cannot be written (not a directory), expected a"),
        ("./a.safetensors", "a.safetensors: is read, too, and would be lost, expected another file"),
    ):
        failed = run_tool("convert_model", "a.safetensors", output, cwd=tmp_path)
        assert error_line(failed, "convert_model").startswith(said)
        assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
