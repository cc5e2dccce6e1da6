"""The signature of a model: what training says, what a file says, and what `evaluate` finds in the weights."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from support import MNIST_PROGRAMS, run_program, run_tool

# Batch norm's buffers and the average of the weights are what is saved.
CHAIN = ["--layers", "conv 4 3x3, batch-norm, relu, max-pool 2, dense 10", "--ema", 0.4]


def train(program: str, *args: object, data: Path, cwd: Path) -> str:
    """The signature that a short training says."""
    done = run_program(program, "--epochs", 1, "--train-limit", 300, "--data-dir", data, *args, cwd=cwd)
    assert done.returncode == 0, done
    return said(done.stdout)


def said(stdout: str) -> str:
    (signature,) = re.findall(r"^signature: (.*)$", stdout, re.MULTILINE)
    return signature


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="numpy") as file:
        return file.metadata()


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_a_run_says_it_and_evaluate_finds_it(program: str, small_data: Path, tmp_path: Path) -> None:
    """In a .bin, too, though it says less of the network."""
    args = ["--dropout", 0.5] if program == "mnist_mlp" else []
    in_bin = train(program, *args, "--output", "m.bin", data=small_data, cwd=tmp_path)
    in_safetensors = train(
        program, *args, "--output", "m.safetensors", "--log-json", "l.jsonl", data=small_data, cwd=tmp_path
    )
    assert in_bin == in_safetensors == metadata(tmp_path / "m.safetensors")["signature"]
    assert json.loads((tmp_path / "l.jsonl").read_text().splitlines()[-1])["signature"] == in_bin
    for models in (["m.bin"], ["m.safetensors"], ["m.bin", "m.safetensors"]):
        command = ["evaluate", *models, "--data-dir", small_data]
        assert said(run_program(program, *command, cwd=tmp_path).stdout) == ", ".join([in_bin] * len(models))
        report = json.loads(run_program(program, *command, "--json", cwd=tmp_path).stdout)
        assert report["signatures"] == [in_bin] * len(models)


def test_it_is_of_the_weights_alone(small_data: Path, tmp_path: Path) -> None:
    """The same weights by other options have the same one; a different seed, average or number of steps has not."""
    usual = train("mnist_cnn", *CHAIN, data=small_data, cwd=tmp_path)
    for same in (["--threads", 1], ["--validation", 0, "--test-each-epoch", "--output", "other.safetensors"]):
        assert train("mnist_cnn", *CHAIN, *same, data=small_data, cwd=tmp_path) == usual
    others = [["--seed", 1], ["--ema", 0.3], ["--train-limit", 299]]
    found = {train("mnist_cnn", *CHAIN, *other, data=small_data, cwd=tmp_path) for other in others}
    assert len(found | {usual}) == 4


def test_a_checkpoint_has_that_of_its_own_weights(small_data: Path, tmp_path: Path) -> None:
    train("mnist_cnn", *CHAIN, "--checkpoint-dir", "ck", data=small_data, cwd=tmp_path)
    (checkpoint,) = (tmp_path / "ck").glob("epoch*.safetensors")
    found = run_program("mnist_cnn", "evaluate", checkpoint, "--data-dir", small_data, cwd=tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert said(found.stdout) == metadata(checkpoint)["signature"]


def test_a_file_that_was_altered_is_measured_and_told(small_data: Path, tmp_path: Path) -> None:
    """Also one whose weights were rounded to float16: these are other weights."""
    signature = train("mnist_cnn", *CHAIN, "--output", "m.safetensors", data=small_data, cwd=tmp_path)
    tensors, kept = load_file(tmp_path / "m.safetensors"), metadata(tmp_path / "m.safetensors")
    altered = tensors | {"batch_norm1.running_mean": tensors["batch_norm1.running_mean"] + 1}
    halves = {name: values.astype(np.float16) for name, values in tensors.items()}
    networks = {"network": kept["network"].replace("relu", "gelu")}
    for other, more in ((altered, {}), (halves, {}), (tensors, networks)):
        save_file(other, tmp_path / "other.safetensors", kept | more)
        done = run_program("mnist_cnn", "evaluate", "other.safetensors", "--data-dir", small_data, cwd=tmp_path)
        found = said(done.stdout)
        assert done.returncode == 1 and found != signature
        assert done.stderr == (
            f"mnist_cnn: error: other.safetensors: its network and weights have the signature {found}, expected"
            f" {signature}, as its metadata says: it was altered after training\n"
        )
    for same in ({**kept, "epoch": "7"}, {name: text for name, text in kept.items() if name != "signature"}):
        save_file(tensors, tmp_path / "other.safetensors", same)
        done = run_program("mnist_cnn", "evaluate", "other.safetensors", "--data-dir", small_data, cwd=tmp_path)
        assert done.returncode == 0 and said(done.stdout) == signature


def test_it_stays_when_a_file_is_converted(small_data: Path, tmp_path: Path) -> None:
    signature = train("mnist_cnn", "--output", "m.safetensors", data=small_data, cwd=tmp_path)
    for source, output in (
        ("m.safetensors", "same.safetensors"),
        ("m.safetensors", "m.bin"),
        ("m.bin", "b.safetensors"),
    ):
        assert run_tool("convert_model", source, output, cwd=tmp_path).returncode == 0
        done = run_program("mnist_cnn", "evaluate", output, "--data-dir", small_data, cwd=tmp_path)
        assert done.returncode == 0 and said(done.stdout) == signature
    assert metadata(tmp_path / "same.safetensors")["signature"] == signature
    assert "signature" not in metadata(tmp_path / "b.safetensors")  # a .bin does not say it


def test_mlp_simple_says_one(tmp_path: Path) -> None:
    runs = [run_program("mlp_simple", "--epochs", 1000, "--seed", seed, cwd=tmp_path) for seed in (42, 42, 43)]
    first, again, other = (said(done.stdout) for done in runs)
    assert re.fullmatch("[0-9a-f]{16}", first) and first == again != other
