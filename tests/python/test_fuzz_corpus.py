"""The inputs of the C++ fuzz targets, and thousands like them, in the Python readers: a result or an InputError."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from common.idx import read_images, read_labels
from common.pictures import read_grey
from common.text import parse_json
from models import load_model
from support import GOLDEN, ROOT

CORPUS = ROOT / "tests" / "fuzz" / "corpus"
CHANGES = 40  # of each file


def json_in(path: Path) -> object:
    """The JSON that tools take as text, which say what is wrong with it by a ValueError."""
    try:
        return parse_json(path.read_text(errors="surrogateescape"))
    except ValueError as error:
        raise InputError(path, str(error), "JSON") from error


READERS: dict[str, tuple[Callable[[Path], object], ...]] = {
    "idx": (read_images, read_labels),
    "bin": (load_model,),
    "safetensors": (load_model,),
    "model": (load_model,),
    "settings": (json_in,),
    "picture": (read_grey,),
}


def seeds(target: str) -> list[Path]:
    endings = {"bin": "bin", "safetensors": "safetensors", "model": "*"}
    golden = GOLDEN.glob(f"*.{endings[target]}") if target in endings else ()
    return sorted([*golden, *(CORPUS / target).glob("*")])


def changed(data: bytes, rng: random.Random) -> bytes:
    """With a part cut off, doubled, or overwritten by bytes that are often the wrong ones."""
    begin = rng.randrange(len(data) + 1)
    end = min(len(data), begin + rng.choice((1, 4, 8, 64)))
    new = rng.choice((b"", data[begin:end] * 2, b"\xff" * (end - begin), bytes(end - begin), rng.randbytes(4)))
    return data[:begin] if rng.random() < 0.2 else data[:begin] + new + data[end:]


@pytest.mark.parametrize("target", READERS)
def test_a_reader_gives_a_result_or_an_input_error(target: str, tmp_path: Path) -> None:
    rng, refused, read = random.Random(target), 0, 0
    for seed in seeds(target):
        data, path = seed.read_bytes(), tmp_path / seed.name
        for change in range(CHANGES):
            path.write_bytes(changed(data, rng) if change else data)
            for reader in READERS[target]:
                try:
                    with np.errstate(all="ignore"):
                        reader(path)
                    read += 1
                except InputError as error:
                    assert "\n" not in str(error)
                    refused += 1
                except Exception as error:  # noqa: BLE001 (and its bytes, to become a file of the corpus)
                    pytest.fail(f"{type(error).__name__}: {error} for {path.read_bytes()!r}")
    assert read > 0 and refused > 0
