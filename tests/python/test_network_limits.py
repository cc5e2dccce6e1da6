"""Which sizes a network may have: the cases of tests/unit/network_limits_test.cpp, with the same verdicts."""

import json
import struct
from pathlib import Path

import pytest

from common.errors import ModelError
from models import load_model
from models.network_json import parse_network
from networks import model_error
from support import GOLDEN

CASES = json.loads((GOLDEN / "network_limits.json").read_text())
FILE = Path("file")


def name(case: dict) -> str:
    """Its kind and its numbers, of hidden layers how many there are and the first one's units."""
    kind, *sizes = case["network"].values()
    numbers = [[len(size), size[0]["units"]] if isinstance(size, list) else size for size in sizes]
    return f"{kind} {numbers}"


@pytest.mark.parametrize("case", CASES, ids=name)
def test_as_json(case: dict) -> None:
    text = json.dumps(case["network"])
    if case["accepted"]:
        assert parse_network(FILE, text).kind == case["network"]["kind"]
    else:
        with pytest.raises(ModelError):
            parse_network(FILE, text)


@pytest.mark.parametrize("case", [case for case in CASES if "bin" in case], ids=name)
def test_in_a_bin(case: dict, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    with path.open("wb") as file:  # all weights 0: takes no space on the disk
        for offset, sizes in case["bin"]["sizes"].items():
            file.seek(int(offset))
            file.write(struct.pack(f"<{len(sizes)}i", *sizes))
        file.truncate(case["bin"]["bytes"])
    if case["accepted"]:
        assert load_model(path).kind == case["network"]["kind"]
    else:
        with pytest.raises(ModelError):
            load_model(path)


def test_a_bin_beyond_the_limits_is_told_what_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    with path.open("wb") as file:
        file.write(struct.pack("<5i", 1, 65**2, 1, 1, 2))
        file.truncate(33948)
    assert model_error(load_model, path) == "4225 patches an image, expected at most 4096"
