"""The comparison plot, run as a user does, without a display."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import plot_comparison
from common.training_log import read_log
from figures.comparison import draw_comparison, is_wide, summary_row
from figures.run_groups import group_runs
from figures.style import SERIES
from support import GOOD_LOG, LOG_HEADER, TOOLS, error_line, run_tool

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
    assert result.stdout == "wrote training_comparison.png: mnist_mlp; mnist_cnn\n"
    with Image.open(folder / "training_comparison.png") as picture:
        assert picture.format == "PNG" and picture.width > 1000
        colours = {colour for _, colour in picture.convert("RGB").getcolors(maxcolors=1 << 20)}
    assert {tuple(bytes.fromhex(colour[1:])) for colour in SERIES[:2]} <= colours
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
    expected = "expected a training log; make one with: tools/run.sh mnist_mlp"
    assert said == f"logs: no *.txt or *.csv file there, {expected}"
    (tmp_path / "empty").mkdir()
    said = error_line(run(tmp_path, "empty"), PROGRAM)
    assert said.startswith("empty: no *.txt or *.csv file there, expected a training log")
    said = error_line(run(tmp_path, "none.txt"), PROGRAM)
    assert said == "none.txt: no such file or directory, expected a training log"


def test_unwritable_output(folder: Path) -> None:
    (folder / "taken.png").mkdir()
    said = error_line(run(folder, "--output", "taken.png"), PROGRAM)
    assert said == "taken.png: cannot be written (is a directory), expected a writable file"
    assert sorted(path.name for path in folder.iterdir()) == ["logs", "taken.png"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--output", "a.docx"], "--output: found 'a.docx', expected a name that ends in .png, .pdf or .svg"),
        (["--frobnicate"], "--frobnicate"),
        (["--labels", ""], "--labels: found '', expected names with commas between them"),
        (["--labels", "a,,b"], "--labels: found 'a,,b', expected names with commas between them"),
        (["--for", "3"], "--for: found without --live, expected both"),
        (["--live", "--for", "0"], "--for: found '0', expected a number above 0"),
        (["--live", "--for", "soon"], "--for: found 'soon', expected a number above 0"),
        (["--live", "--for", "nan"], "--for: found 'nan', expected a number above 0"),
        (["--group", "("], "--group: found '(' ("),
    ],
)
def test_wrong_usage(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [PROGRAM, *options])
    with pytest.raises(SystemExit) as stopped:
        plot_comparison.parse_options()
    assert stopped.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith(f"{PROGRAM}: error: ") and said in line and line.count("\n") == 1
    assert line.endswith(" (see --help)\n")


def test_labels(folder: Path) -> None:
    result = run(folder, "--labels", "wide,deep")
    assert result.stdout == "wrote training_comparison.png: wide; deep\n"
    said = error_line(run(folder, "--labels", "wide"), PROGRAM)
    assert said == "--labels: 1 labels, expected 2, for mnist_mlp, mnist_cnn"


def test_names_are_no_formulas_and_hide_no_line(tmp_path: Path) -> None:
    r"""Names of files, one of them not UTF-8; matplotlib takes $\bad$ for a formula that it cannot read."""
    names = [r"$\bad$", "_c", "a$b", "\udcff"]
    for name in names:
        (tmp_path / f"{name}.txt").write_text(GOOD_LOG)
    result = run(tmp_path, *(f"{name}.txt" for name in names))
    assert (result.returncode, result.stderr) == (0, "")
    figure = Figure()
    draw_comparison(figure, group_runs([read_log(tmp_path / f"{name}.txt") for name in names]))
    figure.draw_without_rendering()
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    shown = [r"\$\bad\$", "\u200b_c", r"a\$b", "?"]
    cells = figure.axes[4].tables[0].get_celld()
    assert legend == shown == [cells[row, 0].get_text().get_text() for row in range(1, 5)]


def test_the_picture_replaces_no_log(folder: Path) -> None:
    (folder / "log.png").write_text(GOOD_LOG)
    said = error_line(run(folder, "log.png", "--output", "./log.png"), PROGRAM)
    assert said == "log.png: is read, too, and would be lost, expected another file to write to"
    assert (folder / "log.png").read_text() == GOOD_LOG


def test_help(folder: Path) -> None:
    result = run(folder, "--help")
    options = ("LOG", "--output", "--show", "--x", "--labels", "--group", "--live", "--for")
    assert result.returncode == 0 and all(option in result.stdout for option in options)


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


def test_live_follows_a_run_until_ctrl_c(tmp_path: Path) -> None:
    """From before there is a log, through one that grows, to another one."""
    command = [sys.executable, TOOLS / "plot_comparison.py", "runs", "--live"]
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tool:
        sizes = []
        header, first, second = GOOD_LOG.splitlines(keepends=True)
        for name, text in [("a", header + first), ("a", header + first + second), ("b", GOOD_LOG)]:
            (tmp_path / "new").write_text(text)
            (tmp_path / "runs").mkdir(exist_ok=True)
            (tmp_path / "new").replace(tmp_path / "runs" / f"{name}.txt")
            assert tool.stdout.readline().startswith("wrote training_comparison.png: a")
            sizes.append((tmp_path / "training_comparison.png").stat().st_size)
        tool.send_signal(signal.SIGINT)
        rest = tool.communicate(timeout=20)
    assert (tool.returncode, *rest) == (130, "", "") and len(set(sizes)) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "training_comparison.png"]


def test_live_ends_when_its_time_is_up(tmp_path: Path) -> None:
    start = time.monotonic()
    result = run(tmp_path, "--live", "--for", 0.5)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "") and not list(tmp_path.iterdir())
    assert 0.5 <= time.monotonic() - start < 20


def test_live_in_a_window_ends_with_it(folder: Path, display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    stays_open, windows = plot_comparison.stays_open, []

    def close_at_the_second_look(figure: Figure) -> bool:
        windows.append((figure.canvas.manager.get_window_title(), len(figure.axes)))
        assert len(windows) < 3
        if len(windows) == 2:
            pyplot.close(figure)
        return stays_open(figure)

    monkeypatch.setattr(plot_comparison, "stays_open", close_at_the_second_look)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [PROGRAM, "--live", "--for", "60"])
    plot_comparison.main()
    assert windows == [("Training comparison", 5)] * 2 and (folder / "training_comparison.png").exists()


def write_seeds(folder: Path) -> list[Path]:
    """Two runs of other losses and accuracies, the second an epoch longer."""
    paths = [folder / "net_seed1.txt", folder / "net_seed2.txt"]
    paths[0].write_text(LOG_HEADER + "1,0.8,2,0.9,0.7,0.6,0.01\n2,0.4,2,0.5,0.8,0.7,0.01\n")
    paths[1].write_text(
        LOG_HEADER + "1,1.0,4,1.1,0.6,0.5,0.01\n2,0.6,4,0.4,0.7,0.6,0.01\n3,0.2,4,0.6,0.9,0.9,0.01\n"
    )
    return paths


@pytest.mark.parametrize(("x", "places"), [("epoch", [1, 2]), ("seconds", [3, 6])])
def test_panels(x: str, places: list[float], tmp_path: Path) -> None:
    """What is drawn: means, bands, dashed validation, by epoch or by mean seconds."""
    figure = Figure()
    draw_comparison(figure, group_runs([read_log(path) for path in write_seeds(tmp_path)]), x)
    loss, accuracy, seconds, progress, table = figure.axes
    titles = [axes.get_title(loc="left") for axes in figure.axes[:4]]
    fourth = {"epoch": "Total seconds", "seconds": "Epochs"}[x]
    assert titles == [
        "Loss (validation: dashed)",
        "Test accuracy (validation: dashed)",
        "Seconds per epoch",
        fourth,
    ]
    assert {axes.get_xlabel() for axes in figure.axes[:4]} == {x}
    drawn = [(line.get_linestyle(), line.get_ydata().round(6).tolist()) for line in loss.lines]
    assert drawn == [("-", [0.9, 0.5]), ("--", [1.0, 0.45])]
    assert [line.get_ydata().round(6).tolist() for line in accuracy.lines] == [[0.55, 0.65], [0.65, 0.75]]
    assert all(line.get_xdata().tolist() == places for axes in figure.axes[:4] for line in axes.lines)
    band = loss.collections[0].get_paths()[0].vertices
    assert {(px, py) for px, py in band.round(6).tolist()} == set(
        zip(places * 2, [0.8, 0.4, 1.0, 0.6], strict=True)
    )
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["net, 2 runs"]
    assert progress.lines[0].get_ydata().tolist() == ([3, 6] if x == "epoch" else [1, 2])
    cells = table.tables[0].get_celld()
    assert cells[1, 4].get_text().get_text() == "80.00 % (70.00 %–90.00 %)"
    assert seconds.get_ylim()[0] == 0


def test_logs_without_accuracy_say_how_to_get_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(LOG_HEADER + "1,0.8,2,nan,nan,nan,0.01\n")
    figure = Figure()
    draw_comparison(figure, group_runs([read_log(path)]))
    assert "--test-each-epoch" in figure.axes[1].texts[0].get_text()
    assert figure.axes[0].get_title(loc="left") == "Loss"


def test_summary(folder: Path, tmp_path: Path) -> None:
    (one,) = group_runs([read_log(folder / "logs" / "training_loss_c.txt")])
    assert summary_row(one) == ("mnist_mlp", "2", "0.4000", "-", "92.50 %", "2.00", "4.00")
    (two,) = group_runs([read_log(path) for path in write_seeds(tmp_path)])
    assert summary_row(two) == (
        "net, 2 runs",
        "2 (2–3)",
        "0.3000 (0.2000–0.4000)",
        "0.4500 (0.4000–0.5000)",
        "80.00 % (70.00 %–90.00 %)",
        "3.00 (2.00–4.00)",
        "8.00 (4.00–12.00)",
    )


def test_runs_far_apart_need_a_logarithmic_axis() -> None:
    short, long, unknown = np.array([1.0, 2.0]), np.array([1.0, 1e6]), np.array([np.nan])
    assert is_wide([short, long]) and not is_wide([long, long])
    assert not is_wide([short, unknown]) and not is_wide([unknown])
    assert not is_wide([np.zeros(2), short])


def test_runs_of_any_length_and_losses_that_are_not_numbers(tmp_path: Path) -> None:
    rows = "".join(f"{1000 * i},{0.25 / i},1e-4,nan,nan,nan,0.01\n" for i in range(1, 1001))
    (tmp_path / "xor.txt").write_text(LOG_HEADER + rows)
    (tmp_path / "nan.txt").write_text(LOG_HEADER + "1,nan,0,nan,nan,nan,0.01\n2,inf,0,nan,nan,nan,0.01\n")
    (tmp_path / "mlp.txt").write_text(GOOD_LOG)
    result = run(tmp_path, "xor.txt", "nan.txt", "mlp.txt")
    assert (result.returncode, result.stderr) == (0, "")
