"""The reader of .bin files: golden files that C++ reads too, and all that can be wrong; the networks."""

import struct
from pathlib import Path

import numpy as np
import pytest

from errors import ModelError
from models import AttentionPool, Cnn, Mlp, load_digit_model, load_model, probabilities, softmax
from support import GOLDEN, write_mlp

KINDS = {"mlp.bin": Mlp, "cnn.bin": Cnn, "attention.bin": AttentionPool}
SIZES = {"mlp.bin": (9, 4, 3), "cnn.bin": (2, 1, 3, 6, 4), "attention.bin": (2, 4, 4, 6, 3)}


def tensors_of(model: Mlp | Cnn | AttentionPool) -> np.ndarray:
    return np.concatenate(
        [t.ravel() for t in vars(model).values() if getattr(t, "dtype", None) == np.float64]
    )


@pytest.mark.parametrize("name", KINDS)
def test_golden_files(name: str) -> None:
    """The parameters count up in 64ths, as in tests/unit/bin_files_test.cpp."""
    model = load_model(GOLDEN / name)
    found = tensors_of(model)
    assert type(model) is KINDS[name] and model.sizes == SIZES[name] and model.classes == 3
    assert np.array_equal(found, np.fmod(np.arange(-31, len(found) - 31), 32) / 64)


def test_kind_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mnist_model.bin"
    path.write_bytes((GOLDEN / "cnn.bin").read_bytes())
    assert type(load_model(path)) is Cnn


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("damage", ["cut", "longer", "nan", "inf", "negative", "cut in the header"])
def test_damaged_files(name: str, damage: str, tmp_path: Path) -> None:
    whole = (GOLDEN / name).read_bytes()
    program, last = KINDS[name].program, {"mlp.bin": "b2", "cnn.bin": "fc_b", "attention.bin": "bcls"}[name]
    content, said = {
        "cut": (whole[:-1], f"{len(whole) - 1} bytes, expected {len(whole)} for a model of {program} with "),
        "longer": (
            whole + b"!",
            f"{len(whole) + 1} bytes, expected {len(whole)} for a model of {program} with ",
        ),
        "nan": (whole[:-8] + struct.pack("<d", float("nan")), f"1 of the 3 values of {last} are not finite"),
        "inf": (whole[:-8] + struct.pack("<d", float("-inf")), f"1 of the 3 values of {last} are not finite"),
        "negative": (
            b"\xff\xff\xff\xff" + whole[4:],
            f"{len(whole)} bytes that are no model, expected a .bin",
        ),
        "cut in the header": (
            whole[:10],
            "10 bytes that are no model, expected a .bin of one of mnist_cnn, ",
        ),
    }[damage]
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    assert error_of(load_model, path).startswith(f"{path}: {said}")


def test_sizes_are_named(tmp_path: Path) -> None:
    path = write_mlp(tmp_path / "model.bin")
    path.write_bytes(path.read_bytes()[:-100])
    expected = "19172 for a model of mnist_mlp with inputs 784, hidden 3, outputs 10"
    assert error_of(load_model, path) == f"{path}: 19072 bytes, expected {expected}"


def test_cnn_whose_last_layer_does_not_fit(tmp_path: Path) -> None:
    content = bytearray((GOLDEN / "cnn.bin").read_bytes())
    content[180:184] = struct.pack("<i", 11)  # fc_in, after 5 sizes and 2 * 9 + 2 values
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    assert error_of(load_model, path).startswith(f"{path}: 500 bytes, expected ")


@pytest.mark.parametrize("content", [b"", b"hello, I am a text file\n" * 50, bytes(4096)])
def test_other_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    programs = "mnist_cnn, mnist_attention_pool, mnist_mlp"
    found = f"{len(content)} bytes that are no model"
    assert error_of(load_model, path) == f"{path}: {found}, expected a .bin of one of {programs}"


def test_folder(tmp_path: Path) -> None:
    assert error_of(load_model, tmp_path) == f"{tmp_path}: is a directory, expected a model file"


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("mnist_model.bin", "tools/run.sh mnist_mlp"),
        ("mnist_cnn_model.bin", "tools/run.sh mnist_cnn"),
        ("mnist_attention_model.bin", "tools/run.sh mnist_attention_pool"),
        ("mine.bin", "tools/run.sh mnist_mlp --output mine.bin"),
        ("a/mnist_cnn_model.bin", "tools/run.sh mnist_cnn --output a/mnist_cnn_model.bin"),
    ],
)
def test_missing_file_names_the_command_that_makes_it(
    name: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = f"{name}: no such file, expected a trained model; make it with: {command}"
    assert error_of(load_model, Path(name)) == said


def test_not_for_digits(tmp_path: Path) -> None:
    xor = write_mlp(tmp_path / "xor.bin", 2, 4, 1)
    said = f"{xor}: a network from 2 pixels to 1 classes, expected one from 784 pixels to 10 digits"
    assert error_of(load_digit_model, xor) == said
    assert load_digit_model(write_mlp(tmp_path / "digits.bin")).summary == "MLP 784-3-10"


def test_mlp_by_hand() -> None:
    model = Mlp((2, 2, 2), np.array([[1.0, -1], [2, 0]]), np.array([0.5, 0]), np.eye(2), np.array([0.0, 1]))
    assert model.logits(np.array([[1.0, 1]])).tolist() == [[3.5, 1.0]]  # hidden: relu(3.5), relu(-1)


def test_probabilities_of_batches_and_of_none() -> None:
    model = load_model(GOLDEN / "attention.bin")
    x = np.random.default_rng(1).random((7, model.inputs))
    whole = probabilities(model, x)
    np.testing.assert_allclose(probabilities(model, x, batch=3), whole, atol=1e-15)
    np.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-15)
    assert probabilities(model, x[:0]).shape == (0, 3)


def test_attention_rows_sum_to_one() -> None:
    model = load_model(GOLDEN / "attention.bin")
    maps = model.attention(model.tokens(np.random.default_rng(1).random((2, model.inputs))))
    assert maps.shape == (2, 4, 4)
    np.testing.assert_allclose(maps.sum(axis=2), 1, atol=1e-15)


def test_softmax_of_large_values() -> None:
    assert softmax(np.array([1e4, 1e4, -1e4])).tolist() == [0.5, 0.5, 0]


def error_of(function: object, path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        function(path)
    return str(caught.value)
