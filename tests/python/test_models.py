"""Model files: which they are, .bin, and all that can be wrong with one; the networks in numpy."""

import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest

from models import (
    AttentionPool,
    Cnn,
    Dense,
    Mlp,
    load_digit_model,
    load_model,
    probabilities,
    save_model,
    softmax,
)
from models.network_json import network_json
from models.networks import ACTIVATIONS
from networks import OTHER_NETWORKS, SMALL, model_error, random_model, written
from support import GOLDEN, write_mlp

GOLDEN_NETWORKS = {
    "mlp.bin": Mlp(inputs=9, hidden=(Dense(4),), classes=3),
    "cnn.bin": Cnn(height=6, width=4, filters=2, kernel=3, classes=3),
    "attention.bin": AttentionPool(height=4, width=4, patch=2, d_model=4, ff_dim=6, classes=3),
    "mlp.safetensors": Mlp(
        inputs=9,
        hidden=(Dense(5, "gelu", 0.25), Dense(4, "tanh"), Dense(4, "sigmoid"), Dense(3, "leaky-relu")),
        classes=3,
    ),
    "cnn.safetensors": Cnn(height=7, width=5, filters=3, kernel=5, classes=4),
    "attention.safetensors": AttentionPool(
        height=4, width=6, patch=2, d_model=6, ff_dim=5, heads=3, position="learned", classes=3
    ),
}
BINS = [name for name in GOLDEN_NETWORKS if name.endswith(".bin")]


@pytest.mark.parametrize("name", GOLDEN_NETWORKS)
def test_golden_files(name: str) -> None:
    """The parameters count up in 64ths, as in tests/unit/model_files_test.cpp, which writes these files."""
    model = load_model(GOLDEN / name)
    found = np.concatenate([tensor.ravel() for tensor in model.tensors.values()])
    assert json.loads(network_json(model)) == json.loads(network_json(GOLDEN_NETWORKS[name]))
    assert np.array_equal(found, np.fmod(np.arange(-31, len(found) - 31), 32) / 64)


@pytest.mark.parametrize("name", BINS)
def test_bin_is_written_to_the_byte(name: str, tmp_path: Path) -> None:
    save_model(tmp_path / name, load_model(GOLDEN / name))
    assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes()


def test_content_tells_the_format_and_the_kind_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "mnist_model.bin"
    path.write_bytes((GOLDEN / "cnn.bin").read_bytes())
    assert type(load_model(path)) is Cnn
    save_model(tmp_path / "a.safetensors", random_model(SMALL))
    (tmp_path / "a.safetensors").rename(path)
    assert type(load_model(path)) is Mlp


@pytest.mark.parametrize("name", BINS)
@pytest.mark.parametrize("damage", ["cut", "longer", "nan", "inf", "too large for a float", "negative"])
def test_damaged_bin(name: str, damage: str, tmp_path: Path) -> None:
    whole, network = (GOLDEN / name).read_bytes(), GOLDEN_NETWORKS[name]
    length = f"expected {len(whole)} for a model of {network.program} ({network.summary})"
    *_, last = network.shapes()
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
    """Its hidden units are sigmoid, if it is of mlp_simple: read as an Mlp it would answer nonsense."""
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
    save_model(wide, random_model(Cnn(height=14, width=56, filters=1, kernel=3, classes=10)))
    assert model_error(load_digit_model, wide) == f"a network from 14 x 56 pixels to 10 classes, {expected}"
    assert load_digit_model(write_mlp(tmp_path / "digits.bin")).summary == "MLP 784-3-10"


@pytest.mark.parametrize(
    ("name", "has"),
    [
        ("mlp of one layer", "0 hidden layers"),
        ("mlp of every activation", "6 hidden layers"),
        ("attention, 3 heads", "3 heads"),
    ],
)
def test_networks_that_a_bin_cannot_say(name: str, has: str, tmp_path: Path) -> None:
    said = f"the network has {has}, which a .bin cannot say, expected a path that ends in .safetensors"
    path = tmp_path / "model.bin"
    assert model_error(lambda path: save_model(path, random_model(OTHER_NETWORKS[name])), path) == said
    assert not path.exists()


def test_other_networks_that_a_bin_cannot_say(tmp_path: Path) -> None:
    tanh = Mlp(inputs=2, hidden=(Dense(2, "tanh"),), classes=2)
    wide = AttentionPool(height=2, width=4, patch=2, d_model=2, ff_dim=2, classes=2)
    for network, has in ((tanh, "the activation tanh"), (wide, "images of 2 x 4 pixels")):
        said = model_error(lambda path, n=network: save_model(path, random_model(n)), tmp_path / "model.bin")
        assert said.startswith(f"the network has {has}, which a .bin cannot say")


def test_ending_that_is_no_format(tmp_path: Path) -> None:
    said = model_error(lambda path: save_model(path, random_model(SMALL)), tmp_path / "model.onnx")
    assert said == "ending '.onnx', expected one of .safetensors, .bin, .npz"


def test_mlp_by_hand() -> None:
    tensors = {"W1": [[1.0, -1], [2, 0]], "b1": [0.5, 0], "W2": np.eye(2), "b2": [0.0, 1]}
    model = Mlp(inputs=2, hidden=(Dense(2),), classes=2, tensors={n: np.array(t) for n, t in tensors.items()})
    assert model.logits(np.array([[1.0, 1]])).tolist() == [[3.5, 1.0]]  # hidden: relu(3.5), relu(-1)


def test_activations_by_hand() -> None:
    x = np.array([-1000.0, -1, 0, 2])
    phi = [(1 + math.erf(v / math.sqrt(2))) / 2 for v in x]
    expected = {
        "none": x,
        "relu": [0, 0, 0, 2],
        "leaky-relu": [-10, -0.01, 0, 2],
        "sigmoid": [0, 1 / (1 + math.e), 0.5, 1 / (1 + math.exp(-2))],
        "tanh": [-1, math.tanh(-1), 0, math.tanh(2)],
        "gelu": x * phi,
    }
    assert expected.keys() == ACTIVATIONS.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(ACTIVATIONS[name](x), values, rtol=1e-12, atol=1e-12)


def test_probabilities_of_batches_and_of_none() -> None:
    model = load_model(GOLDEN / "attention.bin")
    x = np.random.default_rng(1).random((7, model.inputs))
    whole = probabilities(model, x)
    np.testing.assert_allclose(probabilities(model, x, batch=3), whole, atol=1e-12)
    np.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-12)
    assert probabilities(model, x[:0]).shape == (0, 3)


def test_attention_rows_sum_to_one() -> None:
    model = random_model(OTHER_NETWORKS["attention, 3 heads"])
    maps = model.attention(model.tokens(np.random.default_rng(1).random((2, model.inputs))))
    assert maps.shape == (2, 3, 6, 6)
    np.testing.assert_allclose(maps.sum(axis=3), 1, atol=1e-12)
    assert not np.allclose(maps[:, 0], maps[:, 1])


def test_softmax_of_large_values() -> None:
    assert softmax(np.array([1e4, 1e4, -1e4])).tolist() == [0.5, 0.5, 0]
