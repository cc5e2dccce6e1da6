"""The pictures of the README can be made again."""

from pathlib import Path

from PIL import Image

from conftest import Run
from support import error_line, run_tool
from virtual_display import SECONDS_TO_START

PROGRAM = "make_pictures"


def test_makes_both(display: str, runs: dict[str, Run], tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for program, run in runs.items():
        (tmp_path / "logs" / f"{program}.txt").write_text(run.log.read_text())
    options = ("--model", runs["mnist_mlp"].model, "--digit", 0, "--folder", "pictures")
    result = run_tool(PROGRAM, *options, cwd=tmp_path, DISPLAY=None)
    assert (result.returncode, result.stderr) == (0, "")
    assert "drawn 0, recognised 0" in result.stdout
    with Image.open(tmp_path / "pictures" / "recognizer.png") as picture:
        assert picture.width > 500 and len(picture.getcolors(maxcolors=1 << 20)) > 50
    with Image.open(tmp_path / "pictures" / "training_comparison.png") as picture:
        assert picture.width > 1000


def test_without_a_model(tmp_path: Path) -> None:
    said = error_line(run_tool(PROGRAM, "--folder", "pictures", cwd=tmp_path), PROGRAM)
    assert said.startswith("mnist_model.bin: no such file, expected a trained model")


def test_without_xvfb(runs: dict[str, Run], tmp_path: Path) -> None:
    options = ("--model", runs["mnist_mlp"].model, "--folder", "pictures")
    said = error_line(run_tool(PROGRAM, *options, cwd=tmp_path, PATH=str(tmp_path)), PROGRAM)
    assert said == "Xvfb: not installed, expected the Debian package xvfb (or a display in $DISPLAY)"


def test_xvfb_that_does_not_start(runs: dict[str, Run], tmp_path: Path) -> None:
    (tmp_path / "Xvfb").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "Xvfb").chmod(0o755)
    options = ("--model", runs["mnist_mlp"].model, "--folder", "pictures")
    said = error_line(run_tool(PROGRAM, *options, cwd=tmp_path, PATH=str(tmp_path)), PROGRAM)
    assert said == f"Xvfb: no display within {SECONDS_TO_START} s, expected a server that starts"
