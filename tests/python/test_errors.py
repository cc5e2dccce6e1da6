"""What every tool does when something is wrong that is nobody's own: one line, whatever it is."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import InputError, run_tool
from support import GOLDEN, TOOLS, error_line
from support import run_tool as run

LONG = 300 * "a"


@pytest.mark.parametrize("arguments", [["--help"], [GOLDEN / "mlp.bin", "a.npz"]])
@pytest.mark.parametrize("python", [[sys.executable], [sys.executable, "-u"]])
def test_no_room_for_what_is_printed(python: list[str], arguments: list[object], tmp_path: Path) -> None:
    """Whether it shows when it is printed, without a buffer, or at the end."""
    command = [*python, TOOLS / "convert_model.py", *arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True)
    said = "standard output: no space left on device, expected one that can be used"
    assert (done.returncode, done.stderr) == (1, f"convert_model: error: {said}\n")


def test_nowhere_to_print(tmp_path: Path) -> None:
    command = f'"{sys.executable}" "{TOOLS}/convert_model.py" "{GOLDEN}/mlp.bin" a.npz >&-'
    done = subprocess.run(command, cwd=tmp_path, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "a.npz").exists()


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("report", [GOLDEN / "mlp.bin", "--data-dir", LONG]),
        ("plot_comparison", [LONG]),
        ("visualize_attention", [GOLDEN / "attention.bin", LONG]),
        ("make_idx", [LONG, "made"]),
        ("convert_model", [LONG, "a.npz"]),
        ("digit_recognizer", ["--model", LONG]),
    ],
)
def test_a_path_that_cannot_be_looked_at(tool: str, arguments: list[object], tmp_path: Path) -> None:
    said = error_line(run(tool, *arguments, cwd=tmp_path), tool)
    assert said.startswith(LONG) and ": file name too long, expected " in said


def test_names_that_would_break_the_line(tmp_path: Path) -> None:
    said = error_line(run("convert_model", "a\nb\x1b[2J", "a.npz", cwd=tmp_path), "convert_model")
    assert said.startswith("a b [2J: no such file, expected a trained model; ")
    said = error_line(run("convert_model", "a", "b", "c\nd", cwd=tmp_path), "convert_model", status=2)
    assert said.endswith(" c d (see --help)")


def test_names_that_cannot_be_printed(tmp_path: Path) -> None:
    files = (GOLDEN / "mlp.bin", "\udcff.npz")
    done = run("convert_model", *files, cwd=tmp_path, PYTHONIOENCODING="utf-8:strict")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("wrote \\udcff.npz: ")


def failing(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (InputError("a", "b", "c"), 1, "tool: error: a: b, expected c\n"),
        (MemoryError(), 1, "tool: error: memory: not enough for what is read, expected smaller files\n"),
        (RecursionError(), 1, "tool: error: memory: not enough for what is read, expected smaller files\n"),
        (PermissionError(13, "Permission denied", "x"), 1,
         "tool: error: x: permission denied, expected one that can be used\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)  # fmt: skip
def test_statuses(error: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_tool("tool", failing(error)) == status
    assert capsys.readouterr() == ("", said)


def test_mistakes_of_the_code_are_not_hidden() -> None:
    with pytest.raises(TypeError):
        run_tool("tool", failing(TypeError("a mistake")))


def test_what_packages_warn_of_is_not_shown() -> None:
    with warnings.catch_warnings(record=True) as shown:
        assert run_tool("tool", lambda: warnings.warn("of a package", stacklevel=1)) == 0
    assert not shown
