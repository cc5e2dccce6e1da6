"""Which networks may be: the cases of tests/unit/network_limits_test.cpp, each limit from both sides."""

import json
import re
import struct
from pathlib import Path

import pytest

from common.errors import ModelError
from models import NetworkError, load_model
from models.network_json import parse_network
from networks import model_error
from support import GOLDEN

CASES = json.loads((GOLDEN / "network_limits.json").read_text())


def name(case: dict) -> str:
    """Its numbers and words, without the names of fields."""
    layers = re.sub(r'[^\w.-]+|"layers?"', " ", json.dumps(case["network"]["layers"]))
    return f"{case['network']['input']}{layers}"


@pytest.mark.parametrize("case", CASES, ids=name)
def test_as_json(case: dict) -> None:
    if case["accepted"]:
        assert parse_network(case["network"]).classes > 0
    else:
        with pytest.raises(NetworkError):
            parse_network(case["network"])


@pytest.mark.parametrize("case", [case for case in CASES if "bin" in case], ids=name)
def test_in_a_bin(case: dict, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    with path.open("wb") as file:  # all weights 0: takes no space on the disk
        for offset, sizes in case["bin"]["sizes"].items():
            file.seek(int(offset))
            file.write(struct.pack(f"<{len(sizes)}i", *sizes))
        file.truncate(case["bin"]["bytes"])
    if case["accepted"]:
        found, expected = load_model(path), parse_network(case["network"])
        assert (found.input, found.layers) == (expected.input, expected.layers)
    else:
        with pytest.raises(ModelError):
            load_model(path)


def test_a_bin_beyond_the_limits_is_told_what_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    with path.open("wb") as file:
        file.write(struct.pack("<5i", 1, 65**2, 1, 1, 2))
        file.truncate(33948)
    said = "patches 1 1 on an image of 65 x 65 x 1, expected at most 4096 patches"
    assert model_error(load_model, path) == said
