"""Every option: in --help with range and default, and refused outside of it."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from support import error_line, run_program

PROGRAMS = ["mnist_mlp", "mnist_cnn", "mnist_attention_pool", "mlp_simple"]


NO_DEFAULT = ("--data", "--resume", "--config", "--save-config")


class Option(NamedTuple):
    """A line of --help: `--lr X=0.01    learning rate: a number from 1e-12 to 1e+06`."""

    name: str
    kind: str  # N a whole number, X a number, WORD, LIST, PATH; empty for a flag
    default: str
    about: str


def options(build: Path, program: str, cwd: Path) -> list[Option]:
    text = run_program(program, "--help", cwd=cwd).stdout.replace("\n" + " " * 28, " " * 4)
    lines = re.findall(r"^  (?:-h,)?(--[a-z0-9-]+)(?: ([A-Z]+)(?:=(\S+))?)?  +(.*)$", text, re.M)
    found = [Option(*line) for line in lines]
    assert len(found) == len(re.findall(r"^  (?:-h,)?--", text, re.M)), text
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_numbers_have_a_range_and_a_default_and_are_refused_outside(
    build: Path, program: str, tmp_path: Path
) -> None:
    numbers = [option for option in options(build, program, tmp_path) if option.kind in ("N", "X")]
    assert len(numbers) >= 5
    for option in numbers:
        if option.name == "--kernel":  # a word that is a number
            continue
        about = option.about.replace("2^64 - 1", str(2**64 - 1))
        found = re.search(r"from (\S+) to ([0-9.e+-]+)", about)
        assert found, option
        low, high = map(float, found.groups())
        assert low <= float(option.default) <= high, option
        below = "-1" if low == 0 else repr(low / 2) if option.kind == "X" else str(int(low) - 1)
        above = repr(high * 2) if option.kind == "X" else str(int(high) * 2)
        for value in (below, above, "nan", "inf", "x", "1x"):
            line = error_line(run_program(program, f"{option.name}={value}", cwd=tmp_path), program, status=2)
            assert line.startswith(f"{option.name}: ") and f"'{value}'" in line and "expected" in line
        if option.kind == "N":
            error_line(run_program(program, f"{option.name}=1.5", cwd=tmp_path), program, status=2)


@pytest.mark.parametrize("program", PROGRAMS)
def test_words_have_a_list_and_a_default_and_others_are_refused(
    build: Path, program: str, tmp_path: Path
) -> None:
    for option in options(build, program, tmp_path):
        if option.kind != "WORD":
            continue
        words = option.about.split("one of ")[1].split(", ")
        assert option.default in words
        line = error_line(run_program(program, option.name, "nonsense", cwd=tmp_path), program, status=2)
        assert line.startswith(f"{option.name}: found 'nonsense', expected one of ")


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_option_is_without_an_explanation(build: Path, program: str, tmp_path: Path) -> None:
    for option in options(build, program, tmp_path):
        assert len(option.about.split()) >= 3, option
        if option.kind == "PATH":
            assert option.default or "[" in option.about or option.name in NO_DEFAULT
    near = error_line(run_program(program, "--epocs", "3", cwd=tmp_path), program, status=2)
    assert near.endswith("the nearest is --epochs")
