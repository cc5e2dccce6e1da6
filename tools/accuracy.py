"""Trains a program with several seeds and reports the accuracy of its models: mean, deviation and range.

Run:  tools/run.sh accuracy PROGRAM [--seeds N] [--held-out N] [--picture FILE] [--json FILE]
      tools/run.sh accuracy mnist_mlp --preset fast --preset best --seeds 5

Each --preset is a row, and so is each --try, options of the program beside the preset's:
      tools/run.sh accuracy mnist_mlp --preset fast --try "--hidden 512" --try "--ema 0.99" --held-out 10000
--ablate adds a row for each option of the preset, which has its default instead there; --with gives options to all rows:
      tools/run.sh accuracy mnist_mlp --preset best --ablate --with "--epochs 20" --held-out 10000

Choices are to be made on training images that are held out (--held-out), another part for each seed; the test
set is for the end. Seconds are those of the whole process, from its start to a tested and saved model.
"""

import argparse
import json
import shlex
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from common.errors import run_tool
from common.options import ROOT, OptionParser, number
from common.programs import check_built, run_child, settings_of
from common.writing import keep_inputs, write_json
from figures.style import LIGHT, as_letters, picture_path, save_figure, style_axes

PROGRAMS = ("mnist_mlp", "mnist_cnn", "mnist_attention_pool")
NOT_SETTINGS = {"data-dir", "threads", "output", "log", "seed"}  # of no interest to an ablation


@dataclass
class Row:
    """One set of options, and what its runs came to."""

    name: str
    options: list[str]
    accuracies: list[float] = field(default_factory=list)  # percent, one per seed
    seconds: list[float] = field(default_factory=list)
    parameters: int = 0

    @property
    def mean(self) -> float:
        return statistics.fmean(self.accuracies)

    @property
    def deviation(self) -> float:
        """The standard deviation of one run; 0 for a single one."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else 0.0


def main() -> None:
    options = parse_options()
    program = options.build_dir / options.program
    check_built(program)
    for path in filter(None, (options.json, options.picture)):
        keep_inputs(path, program, options.data_dir)
    rows = [Row(preset, ["--preset", preset, *options.everywhere]) for preset in options.preset or ["plain"]]
    beside = rows[0].options if options.preset else options.everywhere
    rows += [Row(text, [*beside, *words]) for text, words in options.tried]
    for row in rows:  # before an hour of training, not after it
        settings_of(program, row.options)
    if options.ablate:
        rows += ablations(program, rows[0])
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, options.seeds + 1):  # a seed of all rows, then the next: any time tells something
            for row in rows:
                run(program, row, seed, options, Path(folder))
                print(f"accuracy: seed {seed}, {row.name}: {row.accuracies[-1]:.2f} %", file=sys.stderr, flush=True)
    print(as_markdown(rows, options))
    if options.json:
        report = {"program": options.program, "held_out": options.held_out, "rows": [vars(row) for row in rows]}
        write_json(options.json, report)
    if options.picture:
        save_figure(figure_of(rows, options), options.picture)


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="accuracy", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("program", choices=PROGRAMS, help="one of %(choices)s", metavar="PROGRAM")
    add(
        "--preset",
        action="append",
        metavar="NAME",
        help="a preset of the program; may be given again (default: plain)",
    )
    add(
        "--try",
        action="append",
        type=shell_words,
        default=[],
        dest="tried",
        metavar="OPTIONS",
        help="options beside the first preset's; may be given again, a single word as --try=--transpose",
    )
    add(
        "--with",
        type=lambda text: shell_words(text)[1],
        default=[],
        dest="everywhere",
        metavar="OPTIONS",
        help="options for every row, such as fewer epochs",
    )
    add("--ablate", action="store_true", help="also without each option of the first preset")
    add("--seeds", type=number(int, 1, 1000), default=5, metavar="N", help="runs per row (default: %(default)s)")
    add(
        "--held-out",
        type=number(int, 0, 1_000_000),
        default=0,
        metavar="N",
        help="training images to measure on, in place of the test set (default: %(default)s)",
    )
    add("--picture", type=picture_path, metavar="FILE", help="PNG, PDF or SVG to write: a point per run")
    add("--json", type=Path, metavar="FILE", help="file to write: every run")
    add("--threads", type=number(int, 1, 256), metavar="N", help="of the program (default: all)")
    add("--build-dir", type=Path, default=ROOT / "build", metavar="PATH", help="folder of the program (default: build)")
    parser.add_data_dir()
    return parser.parse_args()


def shell_words(text: str) -> tuple[str, list[str]]:
    """An option's type: words as a shell takes them, and the text that they are in."""
    try:
        return text, shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected words as in a shell") from error


def ablations(program: Path, row: Row) -> list[Row]:
    """A row for each setting of `row` that is not as by default, where it is."""
    plain, chosen = settings_of(program, []), settings_of(program, row.options)
    rows = []
    for name, value in plain.items():
        if name in NOT_SETTINGS or name == "epochs" or chosen.get(name, value) == value:
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        rows.append(Row(f"{row.name}, --{name} {text}", [*row.options, f"--{name}={text}"]))
    return rows


def run(program: Path, row: Row, seed: int, options: argparse.Namespace, folder: Path) -> None:
    """Train once and add to the row what came out."""
    log = folder / "log.json"
    command = [program, *row.options, "--seed", str(seed), "--data-dir", options.data_dir, "--quiet"]
    command += ["--output", folder / "model.safetensors", "--log", "", "--log-json", log]
    if options.threads:
        command += ["--threads", str(options.threads)]
    if options.held_out:
        command += ["--validation", str(options.held_out)]
    child = run_child(program.name, command)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    log.unlink()
    row.parameters = next(line["parameters"] for line in lines if line["event"] == "run")
    if options.held_out:  # of the last epoch: the best one is chosen with the same images
        share = [line["val_accuracy"] for line in lines if line["event"] == "epoch"][-1]
    else:
        share = lines[-1]["test_accuracy"]
    row.accuracies.append(100 * share)
    row.seconds.append(child.seconds)


def measured_on(options: argparse.Namespace) -> str:
    return f"{options.held_out} held-out training images" if options.held_out else "the test images"


def with_options(options: argparse.Namespace) -> str:
    return f" {shlex.join(options.everywhere)}" if options.everywhere else ""


def as_markdown(rows: list[Row], options: argparse.Namespace) -> str:
    runs = f"{options.seeds} seed{'s' * (options.seeds > 1)}"
    lines = [
        f"{options.program}{with_options(options)}, {runs}, accuracy on {measured_on(options)}:",
        "",
        "| options | mean | deviation | lowest | highest | seconds | parameters |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = min(row.accuracies), max(row.accuracies)
        seconds = statistics.median(row.seconds)
        lines.append(
            f"| {row.name} | {row.mean:.2f} % | {row.deviation:.2f} | {low:.2f} % | {high:.2f} % "
            f"| {seconds:.1f} | {row.parameters:,} |"
        )
    return "\n".join(lines)


def figure_of(rows: list[Row], options: argparse.Namespace) -> Figure:
    """A line of points for each row, one per seed, and a bar at their mean."""
    figure = Figure(figsize=(9, 1.5 + 0.45 * len(rows)), layout="constrained", facecolor=LIGHT.paper)
    axes = figure.subplots()
    style_axes(axes, f"{options.program}{with_options(options)}: accuracy on {measured_on(options)}, a point per seed")
    for i, row in enumerate(rows):
        axes.plot(row.accuracies, [i] * len(row.accuracies), "o", color=LIGHT.line(i), alpha=0.6, clip_on=False)
        axes.plot([row.mean], [i], "|", color=LIGHT.text, markersize=18)
    axes.set_yticks(range(len(rows)), [as_letters(row.name) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("accuracy, %")
    return figure


if __name__ == "__main__":
    sys.exit(run_tool("accuracy", main))
