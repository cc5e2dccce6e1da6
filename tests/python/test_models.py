"""Model files: which they are, .bin, and all that can be wrong with one."""

import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import Model, load_digit_model, load_model, network_json, probabilities, save_model
from models.layers import Attention, Conv, Dense, Dropout, MaxPool, Mean, Patches, Position, Relu, Residual, Tanh
from models.old_networks import attention_pool, cnn, mlp
from networks import OTHER_NETWORKS, SMALL, model_error, random_model, written
from support import GOLDEN, write_mlp

GOLDEN_NETWORKS = {
    "mlp.bin": mlp(9, [(4, "relu", 0)], 3),
    "cnn.bin": cnn((6, 4), 2, 3, 3),
    "attention.bin": attention_pool((4, 4), 2, 4, 6, 3),
    "mlp.safetensors": mlp(
        9, [(5, "gelu", 0.25), (4, "tanh", 0), (4, "sigmoid", 0), (3, "leaky-relu", 0)], 3
    ),
    "cnn.safetensors": cnn((7, 5), 3, 5, 4),
    "attention.safetensors": attention_pool((4, 6), 2, 6, 5, 3, heads=3, position="learned"),
}
SIZES = {"mlp.bin": "9, 4, 3", "cnn.bin": "2, 1, 3, 6, 4, 12, 3", "attention.bin": "2, 4, 4, 6, 3"}
BINS = list(SIZES)


def test_old_networks_as_chains() -> None:
    """What the three kinds of old files are."""
    assert mlp(4, [(3, "none", 0), (2, "tanh", 0.5)], 2).layers == (
        *(Dense(3), Dense(2), Tanh(), Dropout(0.5), Dense(2)),
    )
    assert cnn((4, 4), 8, 3, 10).layers == (Conv(8, 3), Relu(), MaxPool(2), Dense(10))
    feed_forward = (Dense(6), Relu(), Dense(4), Mean(), Dense(3))
    start = (Patches(2, 4), Position("sinusoidal"), Relu(), Attention(1))
    assert attention_pool((4, 4), 2, 4, 6, 3).layers == (*start, *feed_forward)
    start = (Patches(2, 4), Relu(), Attention(2))
    assert attention_pool((4, 4), 2, 4, 6, 3, 2, "none").layers == (*start, *feed_forward)


@pytest.mark.parametrize("name", GOLDEN_NETWORKS)
def test_golden_files(name: str) -> None:
    """The parameters count up in 64ths, as in tests/unit/model_files_test.cpp, which writes these files."""
    model = load_model(GOLDEN / name)
    found = np.concatenate([tensor.ravel() for tensor in model.tensors.values()])
    assert network_json(model) == network_json(GOLDEN_NETWORKS[name])
    assert {name: tensor.shape for name, tensor in model.tensors.items()} == model.shapes
    assert np.array_equal(found, np.fmod(np.arange(-31, len(found) - 31), 32) / 64)


@pytest.mark.parametrize("name", BINS)
def test_bin_is_written_to_the_byte(name: str, tmp_path: Path) -> None:
    save_model(tmp_path / name, load_model(GOLDEN / name))
    assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes()


def test_content_tells_the_format_and_the_network_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "mnist_model.bin"
    path.write_bytes((GOLDEN / "cnn.bin").read_bytes())
    assert load_model(path).summary.startswith("conv")
    save_model(tmp_path / "a.safetensors", random_model(SMALL))
    (tmp_path / "a.safetensors").rename(path)
    assert load_model(path).summary.startswith("dense")


@pytest.mark.parametrize("name", BINS)
@pytest.mark.parametrize("damage", ["cut", "longer", "nan", "inf", "too large for a float", "negative"])
def test_damaged_bin(name: str, damage: str, tmp_path: Path) -> None:
    whole, network = (GOLDEN / name).read_bytes(), GOLDEN_NETWORKS[name]
    length = f"expected {len(whole)} for a model of {network.program} with the sizes {SIZES[name]}"
    *_, last = network.shapes
    not_finite = f"1 of the 3 values of {last} are not finite, expected finite numbers"
    content, said = {
        "cut": (whole[:-1], f"{len(whole) - 1} bytes, {length}"),
        "longer": (whole + b"!", f"{len(whole) + 1} bytes, {length}"),
        "nan": (whole[:-8] + struct.pack("<d", math.nan), not_finite),
        "inf": (whole[:-8] + struct.pack("<d", -math.inf), not_finite),
        "too large for a float": (whole[:-8] + struct.pack("<d", 1e39), not_finite),
        "negative": (
            b"\xff\xff\xff\xff" + whole[4:],
            f"{len(whole)} bytes that are no model, expected a .safetensors or a .bin of one of"
            " mnist_mlp, mnist_cnn, mnist_attention_pool",
        ),
    }[damage]
    assert model_error(load_model, written(tmp_path, content)) == said


def test_cnn_whose_last_layer_does_not_fit(tmp_path: Path) -> None:
    content = bytearray((GOLDEN / "cnn.bin").read_bytes())
    content[180:184] = struct.pack("<i", 11)  # fc_in, after 5 sizes and 2 * 9 + 2 values
    assert model_error(load_model, written(tmp_path, content)).startswith("500 bytes, expected ")


def test_bin_of_one_output(tmp_path: Path) -> None:
    """Its hidden units are sigmoid, if it is of mlp_simple: read as mnist_mlp's it would predict nonsense."""
    xor = write_mlp(tmp_path / "model", 2, 4, 1)
    said = "a network with one output, expected two classes or more"
    assert model_error(load_model, xor).startswith(said)


@pytest.mark.parametrize("content", [b"", b"hello, I am a text file\n" * 50, bytes(4096)])
def test_other_files(content: bytes, tmp_path: Path) -> None:
    said = model_error(load_model, written(tmp_path, content))
    assert said.startswith(f"{len(content)} bytes that are no model, expected a .safetensors or a .bin of ")


def test_cut_anywhere(tmp_path: Path) -> None:
    """Of the MLP: the start of a small file of another kind can be an MLP's, to the byte."""
    whole = (GOLDEN / "mlp.bin").read_bytes()
    for length in range(len(whole)):
        model_error(load_model, written(tmp_path, whole[:length]))


def test_folder(tmp_path: Path) -> None:
    assert model_error(load_model, tmp_path) == "is a directory, expected a model file"


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("mnist_model.bin", "tools/run.sh mnist_mlp"),
        ("mnist_cnn_model.bin", "tools/run.sh mnist_cnn"),
        ("mnist_attention_model.bin", "tools/run.sh mnist_attention_pool"),
        ("mnist_cnn_model.safetensors", "tools/run.sh mnist_cnn --output mnist_cnn_model.safetensors"),
        ("mine.bin", "tools/run.sh mnist_mlp --output mine.bin"),
        ("a/mnist_cnn_model.bin", "tools/run.sh mnist_cnn --output a/mnist_cnn_model.bin"),
    ],
)
def test_missing_file_names_the_command_that_makes_it(
    name: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = f"no such file, expected a trained model; make it with: {command}"
    assert model_error(load_model, Path(name)) == said


def test_not_for_digits(tmp_path: Path) -> None:
    letters = write_mlp(tmp_path / "model", 784, 4, 26)
    expected = "expected one from 28 x 28 pixels to 10 digits"
    assert model_error(load_digit_model, letters) == f"a network from 784 pixels to 26 classes, {expected}"
    wide = tmp_path / "wide.safetensors"
    save_model(wide, random_model(cnn((14, 56), 1, 3, 10)))
    assert model_error(load_digit_model, wide) == f"a network from 14 x 56 pixels to 10 classes, {expected}"
    assert load_digit_model(write_mlp(tmp_path / "digits.bin")).summary == "dense 3, relu, dense 10"


@pytest.mark.parametrize("name", OTHER_NETWORKS)
def test_networks_that_a_bin_cannot_say(name: str, tmp_path: Path) -> None:
    network, path = OTHER_NETWORKS[name], tmp_path / "model.bin"
    said = model_error(lambda path: save_model(path, random_model(network)), path)
    found = f"the network has the layers {network.summary} on {network.pixels}, which a .bin cannot say"
    assert said == f"{found}, expected a path that ends in .safetensors" and not path.exists()


@pytest.mark.parametrize(
    "network",
    [
        mlp(2, [(2, "tanh", 0)], 2),
        mlp(2, [(2, "relu", 0), (2, "relu", 0)], 2),
        cnn((4, 4), 1, 4, 2),
        attention_pool((2, 4), 2, 2, 2, 2),
        attention_pool((4, 4), 2, 2, 2, 2, heads=2),
    ],
    ids=lambda network: f"{network.pixels}, {network.summary}",
)
def test_networks_that_a_bin_almost_can_say(network: Model, tmp_path: Path) -> None:
    said = model_error(lambda path: save_model(path, random_model(network)), tmp_path / "model.bin")
    assert said.startswith(f"the network has the layers {network.summary} on {network.pixels}, which a .bin")


def test_what_a_bin_does_not_say(tmp_path: Path) -> None:
    """Dropout, the sides of an MLP's images, where positions started (0 without them): the same predictions."""
    for network in (
        mlp(9, [(4, "relu", 0.5)], 3),
        replace(mlp(9, [(4, "relu", 0)], 3), input=(3, 3)),
        attention_pool((4, 4), 2, 6, 5, 3, position="learned"),
        attention_pool((4, 4), 2, 6, 5, 3, position="none"),
    ):
        model, path = random_model(network), tmp_path / "model.bin"
        save_model(path, model)
        x = np.random.default_rng(1).random((5, model.inputs))
        assert network_json(load_model(path)) != network_json(model)
        np.testing.assert_array_equal(probabilities(load_model(path), x), probabilities(model, x))


def test_ending_that_is_no_format(tmp_path: Path) -> None:
    said = model_error(lambda path: save_model(path, random_model(SMALL)), tmp_path / "model.onnx")
    assert said == "ending '.onnx', expected one of .safetensors, .bin, .npz"


@pytest.mark.parametrize("program", ["mnist_mlp", "mnist_cnn", "mnist_attention_pool"])
def test_program(program: str) -> None:
    """As the file says, or the one that the layers are most like."""
    chains = {
        "mnist_mlp": (Dense(10),),
        "mnist_cnn": (Residual((Conv(1, 3), Relu())), Dense(10)),
        "mnist_attention_pool": (Conv(4, 3), Patches(2, 4), Attention(1), Mean()),
    }
    network = Model(input=(4, 4), layers=chains[program])
    assert network.program == program
    assert replace(network, metadata={"program": "mine"}).program == "mine"
