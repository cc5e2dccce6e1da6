"""The comparison plot, run as a user does, without a display."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import plot_comparison
from support import GOOD_LOG, LOG_HEADER, error_line, run_tool
from training_log import read_log

PROGRAM = "plot_comparison"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two logs where the programs write them."""
    (tmp_path / "logs").mkdir()
    for name in ("training_loss_c.txt", "training_loss_cnn.txt"):
        (tmp_path / "logs" / name).write_text(GOOD_LOG)
    return tmp_path


def run(folder: Path, *args: object) -> object:
    return run_tool(PROGRAM, *args, cwd=folder, DISPLAY=None)


def test_all_logs_there_are(folder: Path) -> None:
    result = run(folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "wrote training_comparison.png: mnist_mlp, mnist_cnn\n"
    with Image.open(folder / "training_comparison.png") as picture:
        assert picture.format == "PNG" and picture.width > 1000
        colours = {colour for _, colour in picture.convert("RGB").getcolors(maxcolors=1 << 20)}
    assert {tuple(bytes.fromhex(colour[1:])) for colour in plot_comparison.COLOURS[:2]} <= colours
    assert sorted(path.name for path in folder.iterdir()) == ["logs", "training_comparison.png"]


@pytest.mark.parametrize(("ending", "magic"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_formats(ending: str, magic: bytes, folder: Path) -> None:
    result = run(folder, "logs/training_loss_c.txt", "--output", f"plot.{ending}")
    assert result.returncode == 0, result.stderr
    assert (folder / f"plot.{ending}").read_bytes().startswith(magic)


def test_a_bad_log_leaves_the_old_picture(folder: Path) -> None:
    (folder / "logs" / "training_loss_cnn.txt").write_text(LOG_HEADER + "1,2\n")
    (folder / "training_comparison.png").write_text("precious")
    said = error_line(run(folder), PROGRAM)
    assert said == "logs/training_loss_cnn.txt: 2 values in line 2, expected 7 as in the header"
    assert (folder / "training_comparison.png").read_text() == "precious"


def test_missing_logs(tmp_path: Path) -> None:
    said = error_line(run(tmp_path), PROGRAM)
    assert said == "logs: no *.txt file there, expected a training log; make one with: tools/run.sh mnist_mlp"
    said = error_line(run(tmp_path, "none.txt"), PROGRAM)
    assert said == "none.txt: no such file or directory, expected a training log"


def test_unwritable_output(folder: Path) -> None:
    said = error_line(run(folder, "--output", "none/plot.png"), PROGRAM)
    assert said == "none/plot.png: cannot be written (no such file or directory), expected a writable file"
    (folder / "taken.png").mkdir()
    said = error_line(run(folder, "--output", "taken.png"), PROGRAM)
    assert said == "taken.png: cannot be written (is a directory), expected a writable file"
    assert sorted(path.name for path in folder.iterdir()) == ["logs", "taken.png"]


def test_wrong_usage(folder: Path) -> None:
    said = error_line(run(folder, "--output", "plot.docx"), PROGRAM, status=2)
    assert said == "--output: found 'plot.docx', expected a name that ends in .png, .pdf or .svg (see --help)"
    said = error_line(run(folder, "--frobnicate"), PROGRAM, status=2)
    assert said == "unrecognized arguments: --frobnicate (see --help)"


def test_help(folder: Path) -> None:
    result = run(folder, "--help")
    assert result.returncode == 0 and all(option in result.stdout for option in ("--output", "--show", "LOG"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_show_without_a_display(folder: Path) -> None:
    said = error_line(run_tool(PROGRAM, "--show", cwd=folder, DISPLAY=None, WAYLAND_DISPLAY=None), PROGRAM)
    assert said.startswith("--show: Cannot load backend 'TkAgg'")
    assert said.endswith(
        ", expected a display and the Debian package python3-tk;"
        " without --show the plot goes to training_comparison.png"
    )


def test_show_opens_a_window(folder: Path, display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    titles = []
    monkeypatch.setattr(pyplot, "show", lambda: titles.append(pyplot.gcf().canvas.manager.get_window_title()))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [PROGRAM, "--show"])
    plot_comparison.main()
    pyplot.close("all")
    assert titles == ["Training comparison"] and (folder / "training_comparison.png").stat().st_size > 10_000


def test_runs_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.txt").write_text(GOOD_LOG)
    paths = [tmp_path / name / "run.txt" for name in ("a", "b")]
    assert plot_comparison.names([read_log(path) for path in paths]) == [f"run ({path})" for path in paths]


def test_summary(folder: Path) -> None:
    log = read_log(folder / "logs" / "training_loss_c.txt")
    assert plot_comparison.summary_row("mlp", log) == ("mlp", "2", "0.4000", "92.50%", "2.00", "4.00")


def test_runs_far_apart_need_a_logarithmic_axis() -> None:
    short, long, unknown = np.array([1.0, 2.0]), np.array([1.0, 1e6]), np.array([np.nan])
    assert plot_comparison.is_wide([short, long]) and not plot_comparison.is_wide([long, long])
    assert not plot_comparison.is_wide([short, unknown]) and not plot_comparison.is_wide([unknown])
    assert not plot_comparison.is_wide([np.zeros(2), short])


def test_runs_of_any_length_and_losses_that_are_not_numbers(tmp_path: Path) -> None:
    rows = "".join(f"{1000 * i},{0.25 / i},1e-4,nan,nan,nan,0.01\n" for i in range(1, 1001))
    (tmp_path / "xor.txt").write_text(LOG_HEADER + rows)
    (tmp_path / "nan.txt").write_text(LOG_HEADER + "1,nan,0,nan,nan,nan,0.01\n2,inf,0,nan,nan,nan,0.01\n")
    (tmp_path / "mlp.txt").write_text(GOOD_LOG)
    result = run(tmp_path, "xor.txt", "nan.txt", "mlp.txt")
    assert (result.returncode, result.stderr) == (0, "")
