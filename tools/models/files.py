"""Models from files and to files: a .bin or a .safetensors, told apart by content, never by name."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.errors import ModelError, os_reason
from common.preparation import Kind
from common.writing import replacing
from models.bin_files import bin_bytes, read_bin
from models.limits import NetworkError
from models.model import DIGIT_SIZE, DIGITS, Model
from models.tensor_files import (
    looks_like_safetensors,
    npz_bytes,
    read_safetensors,
    safetensors_bytes,
)

DEFAULT_PATHS = {
    "mnist_model.bin": "mnist_mlp",
    "mnist_cnn_model.bin": "mnist_cnn",
    "mnist_attention_model.bin": "mnist_attention_pool",
}
WRITERS: dict[str, Callable[[Path, Model], bytes]] = {
    ".safetensors": lambda _, model: safetensors_bytes(model),
    ".bin": bin_bytes,
    ".npz": lambda _, model: npz_bytes(model),
}


def load_digit_model(path: Path) -> Model:
    """Reads a model that tells ten digits in pictures of 28x28. Raises ModelError."""
    model = load_model(path)
    kind = model.preparation.kind
    if not model.takes(DIGIT_SIZE) or model.known_classes != DIGITS or kind is not Kind.DIGITS:
        of = "" if kind is Kind.DIGITS else f" of {kind}"
        found = f"a network from {model.pixels} to {model.known_classes} classes{of}"
        raise ModelError(path, found, "one from {} x {} pixels to {} digits".format(*DIGIT_SIZE, DIGITS))
    return model


def load_model(path: Path) -> Model:
    """Reads a model of any layers and of any size. Raises ModelError (path, found, expected)."""
    try:
        with path.open("rb") as file:
            model = read_safetensors(path) if looks_like_safetensors(file.read(9)) else read_bin(path, file)
    except FileNotFoundError as error:
        expected = f"a trained model; make it with: {training_command(path)}"
        raise ModelError(path, "no such file", expected) from error
    except OSError as error:
        raise ModelError(path, os_reason(error), "a model file") from error
    except NetworkError as error:
        raise ModelError(path, error.found, error.expected) from error
    return replace(model, tensors={name: _float32(path, name, t) for name, t in model.tensors.items()})


def save_model(path: Path, model: Model) -> None:
    """Writes `path`, of a format that its ending names. Raises InputError."""
    if path.suffix not in WRITERS:
        raise ModelError(path, f"ending {path.suffix!r}", f"one of {', '.join(WRITERS)}")
    data = WRITERS[path.suffix](path, model)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def training_command(path: Path) -> str:
    """The command that writes `path`: with its own program if the name is a default one, mnist_mlp if not."""
    same_name = (default for default in DEFAULT_PATHS if path.stem == Path(default).stem)
    default = next(same_name, "mnist_model.bin")
    return f"tools/run.sh {DEFAULT_PATHS[default]}" + ("" if str(path) == default else f" --output {path}")


def _float32(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """As the C++ programs hold them. Raises ModelError if one is not finite."""
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    if bad := np.count_nonzero(~np.isfinite(values)):
        raise ModelError(path, f"{bad} of the {values.size} values of {name} are not finite", "finite numbers")
    return values
