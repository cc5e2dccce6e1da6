"""The pictures of the README can be regenerated."""

import subprocess
from pathlib import Path

import pytest
from PIL import Image

from conftest import Run
from make_pictures import PICTURES
from screenshots.virtual_display import SECONDS_TO_START
from support import BUILD, DATA, error_line, run_tool

PROGRAM = "make_pictures"


def test_makes_all(display: str, runs: dict[str, Run], tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "training_loss_c.txt").write_text(runs["mnist_mlp"].log.read_text())
    models = ["--model", runs["mnist_mlp"].model, "--attention-model", runs["mnist_attention_pool"].model]
    options = ["--digit", 0, "--folder", "pictures", "--build-dir", BUILD, "--data-dir", DATA]
    result = run_tool(PROGRAM, *models, *options, cwd=tmp_path, DISPLAY=None)
    assert (result.returncode, result.stderr) == (0, "")
    assert "drawn 0, recognised 0" in result.stdout
    assert sorted(path.stem for path in (tmp_path / "pictures").iterdir()) == sorted(PICTURES)
    for name in PICTURES:
        with Image.open(tmp_path / "pictures" / f"{name}.png") as picture:
            assert picture.width > 200
            assert len(picture.convert("RGB").getcolors(maxcolors=1 << 20)) > 50


def test_makes_one(build: Path, small_data: Path, tmp_path: Path) -> None:
    options = ["--folder", "pictures", "--build-dir", build, "--data-dir", small_data]
    result = run_tool(PROGRAM, "augmented", *options, cwd=tmp_path)
    assert (result.stdout, result.stderr) == ("wrote pictures/augmented.png\n", "")
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["augmented.png"]


def test_unknown_picture(tmp_path: Path) -> None:
    said = error_line(run_tool(PROGRAM, "sunset", cwd=tmp_path), PROGRAM, status=2)
    names = ", ".join(PICTURES)
    assert said == f"NAME: found 'sunset', expected one of {names} (see --help)"
    assert not list(tmp_path.iterdir())


def test_programs_that_are_not_built_or_fail(tmp_path: Path) -> None:
    def said() -> str:
        return error_line(
            run_tool(PROGRAM, "seeds", "--build-dir", ".", "--folder", ".", cwd=tmp_path), PROGRAM
        )

    expected = "expected a built program; build it with: tools/run.sh mnist_mlp --help"
    assert said() == f"mnist_mlp: no such file or directory, {expected}"
    (tmp_path / "mnist_mlp").write_text("#!/bin/sh\necho 'no data' >&2\nexit 1\n")
    (tmp_path / "mnist_mlp").chmod(0o755)
    assert said() == "mnist_mlp: failed (no data), expected a run that ends well"


def test_without_a_model(tmp_path: Path) -> None:
    said = error_line(run_tool(PROGRAM, "--folder", "pictures", cwd=tmp_path), PROGRAM)
    assert said.startswith("mnist_model.bin: no such file, expected a trained model")


def without_xvfb(runs: dict[str, Run], folder: Path) -> subprocess.CompletedProcess[str]:
    options = ("recognizer", "--model", runs["mnist_mlp"].model, "--folder", "pictures")
    return run_tool(PROGRAM, *options, cwd=folder, PATH=str(folder))


@pytest.mark.parametrize("there", [False, True])
def test_without_a_display(there: bool, runs: dict[str, Run], tmp_path: Path) -> None:
    """Xvfb is not there, or does not start."""
    if there:
        (tmp_path / "Xvfb").write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "Xvfb").chmod(0o755)
    said = error_line(without_xvfb(runs, tmp_path), PROGRAM)
    assert said == (
        f"Xvfb: no display within {SECONDS_TO_START} s, expected a server that starts"
        if there
        else "Xvfb: not installed, expected the Debian package xvfb (or a display in $DISPLAY)"
    )
