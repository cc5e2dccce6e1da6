"""Searches for the options of a program that give the lowest validation loss, with Optuna.

Run:  tools/run.sh sweep PROGRAM --trials N --tune NAME=VALUES [--tune ...] [-- OPTIONS of the program]
      tools/run.sh sweep mnist_mlp --trials 50 --tune "lr=1e-4:1e-2:log" --tune "hidden=256|512|1024"
      tools/run.sh sweep mnist_cnn --trials 40 --folds 5 --tune "label-smoothing=0:0.2" -- --preset fast

The first trial is that without anything tuned. Trials that do badly are pruned, by the validation loss in their
logs. The same command goes on after Ctrl-C or a crash; with --storage, it shares the trials with other machines.
"""

import argparse
import os
import signal
import statistics
import sys
import time
from pathlib import Path

import optuna
import sqlalchemy
from optuna.trial import FrozenTrial, TrialState

from common.errors import InputError, run_tool
from common.options import ROOT, OptionParser, number
from common.programs import check_built, settings_of
from common.writing import write_json
from figures.style import percent, save_figure
from sweeping.objective import OWN_OPTIONS, Objective, runs_of
from sweeping.picture import figure_of, importance_of
from sweeping.search_space import Parameter, as_option, check_with_program, parse_tune
from sweeping.study import FINISHED, Definition, count, database_error, open_study, quiet, shown, work

PROGRAMS = ("mnist_mlp", "mnist_cnn", "mnist_attention_pool")
PLACES = ("data-dir", "data", "class-names")  # that another machine may have elsewhere
BEST = 10  # trials in the table


def main() -> None:
    options = parse_options(sys.argv[1:])
    program = options.build_dir / options.program
    check_built(program)
    runs = runs_of(options.seeds, options.folds, options.validation)
    common = [*options.program_options, *runs[0]]  # with which the program takes --patience, too
    settings = settings_of(program, common)
    parameters = [check_with_program(tune, program, common) for tune in options.tune]
    jobs, threads = share_cores(options, int(settings_of(program, [])["threads"]))
    objective = Objective(program, options.program_options, parameters, threads, runs, not options.no_pruning)
    url = options.storage or f"sqlite:///{options.output / 'study.db'}"
    quiet()
    for signal_ in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_, signal.default_int_handler)
    study = open_study(url, options.study, definition_of(options, settings), defaults_of(parameters))
    say(f"study {options.study} in {shown(url)}: {count(study, *FINISHED)} of {options.trials} trials finished")
    say(f"{jobs} trial{'s' * (jobs > 1)} at a time, {threads} thread{'s' * (threads > 1)} each")
    try:
        work(study, options.trials, jobs, objective, lambda trial: say(described(trial, parameters)))
    except KeyboardInterrupt:
        say(f"interrupted with {count(study, *FINISHED)} of {options.trials} trials; the same command goes on")
        if count(study, TrialState.COMPLETE):
            finish(study, options, program, parameters, common)
        raise
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise database_error(url, error) from error
    finish(study, options, program, parameters, common)


def parse_options(words: list[str]) -> argparse.Namespace:
    parser = OptionParser(
        prog="sweep", usage="%(prog)s PROGRAM --tune NAME=VALUES [OPTION...] [-- OPTION of the program...]",
        description=__doc__.splitlines()[0],
    )  # fmt: skip
    add = parser.add_argument
    add("program", choices=PROGRAMS, help="one of %(choices)s", metavar="PROGRAM")
    add(
        "--tune",
        action="append",
        type=parse_tune,
        required=True,
        metavar="NAME=VALUES",
        help="an option of the program: LOW:HIGH, LOW:HIGH:log or A|B|...; may be given again",
    )
    add("--trials", type=number(int, 1, 1_000_000), default=50, metavar="N", help="in all (default: %(default)s)")
    held_out = parser.add_mutually_exclusive_group()
    held_out.add_argument(
        "--validation",
        type=number(float, 1e-9, 1e9),
        default=0.1,
        metavar="X",
        help="training images held out, a share below 1 or a count (default: %(default)s)",
    )
    held_out.add_argument(
        "--folds",
        type=number(int, 2, 1000),
        default=0,
        metavar="N",
        help="cross-validation: train N times, each time with another part held out",
    )
    add("--seeds", type=number(int, 1, 1000), default=1, metavar="N", help="repeats, each with a seed of its own")
    add("--no-pruning", action="store_true", help="train every trial to its end")
    add("--study", metavar="NAME", help="name of the sweep (default: the program's)")
    add("--storage", metavar="URL", help="database, such as postgresql://USER@HOST/DB (default: SQLite in the output)")
    add("--output", type=Path, metavar="FOLDER", help="best.json and importance.png (default: sweeps/STUDY)")
    add("--jobs", type=number(int, 1, 256), metavar="N", help="trials at a time (default: as idle cores allow)")
    add("--threads", type=number(int, 1, 256), metavar="N", help="of a trial (default: 1, or idle cores / jobs)")
    add("--build-dir", type=Path, default=ROOT / "build", metavar="PATH", help="folder of the program (default: build)")
    end = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:end])
    options.program_options = words[end + 1 :]
    options.study = options.study or options.program
    options.output = options.output or Path("sweeps") / options.study
    names = [tune.name for tune in options.tune]
    for name in names:
        if names.count(name) > 1:
            parser.error(f"--tune: {name} is given more than once, expected each option once")
    for name in [*names, *(word.split("=")[0].removeprefix("--") for word in options.program_options)]:
        if name in OWN_OPTIONS:
            parser.error(f"--{name}: is set by the sweep itself, expected another option of the program")
    return options


def share_cores(options: argparse.Namespace, available: int) -> tuple[int, int]:
    """Trials at a time and threads of each: together no more than there are idle cores, unless asked for."""
    idle = idle_cores(available)
    threads = options.threads or (max(1, idle // options.jobs) if options.jobs else 1)
    return options.jobs or max(1, idle // threads), threads


def idle_cores(available: int) -> int:
    """How many of the cores that this process may use have had nothing to do for a quarter of a second."""

    def ticks() -> tuple[int, int]:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return fields[3] + fields[4], sum(fields)

    try:
        idle, total = ticks()
        time.sleep(0.25)
        idle, total = (now - before for now, before in zip(ticks(), (idle, total), strict=True))
    except OSError:
        return available
    share = idle / total if total else 1.0
    return max(1, min(available, round(share * (os.cpu_count() or 1))))


def definition_of(options: argparse.Namespace, settings: dict[str, object]) -> Definition:
    """What makes another command another sweep. How many trials, and where they run, does not."""
    own = {f"--{name}": str(value) for name, value in settings.items() if name not in (*OWN_OPTIONS, *PLACES)}
    held_out = {"--folds": str(options.folds)} if options.folds else {"--validation": f"{options.validation:g}"}
    tuned = {f"--tune {tune.name}": tune.text for tune in options.tune}
    return {"program": options.program, **tuned, **held_out, "--seeds": str(options.seeds), **own}


def defaults_of(parameters: list[Parameter]) -> dict[str, object] | None:
    """The parameters of a trial that is as without --tune; None if --tune does not allow it."""
    values = {parameter.name: parameter.default for parameter in parameters}
    return None if None in values.values() else values


def finish(
    study: optuna.Study,
    options: argparse.Namespace,
    program: Path,
    parameters: list[Parameter],
    common: list[str],
) -> None:
    """Prints the tables, and writes the best settings and the picture."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not complete:
        raise InputError(f"study {options.study}", "the loss of every trial is NaN or infinite", "smaller values of lr")
    best = min(complete, key=lambda trial: trial.value)
    print(as_markdown(study, complete, parameters))
    tuned = [as_option(name, value) for name, value in best.params.items()]
    settings = settings_of(program, [*common, *tuned])
    held_out = {"validation": 1 / options.folds if options.folds else options.validation}
    kept = {name: value for name, value in settings.items() if name not in OWN_OPTIONS}
    config, picture = options.output / "best.json", options.output / "importance.png"
    write_json(config, {**kept, **(held_out if settings["patience"] else {})})
    save_figure(figure_of(study, parameters, best), picture)
    print(f"\nwrote {config} and {picture}; train with them: tools/run.sh {options.program} --config {config}")


def as_markdown(study: optuna.Study, complete: list[FrozenTrial], parameters: list[Parameter]) -> str:
    """The best trials and the default one, and what mattered."""
    by_loss = sorted(complete, key=lambda trial: trial.value)
    shown_trials = by_loss[:BEST] + [trial for trial in by_loss[BEST:] if is_default(trial)]
    names = [parameter.name for parameter in parameters]
    deviation = ["deviation"] * (len(by_loss[0].user_attrs["val_losses"]) > 1)
    lines = [
        f"{len(complete)} trials complete, {count(study, TrialState.PRUNED)} pruned; the best of them:",
        "",
        f"| {' | '.join(['trial', *names, 'validation loss', *deviation, 'accuracy', 'seconds'])} |",
        f"|{'---|' * (len(names) + len(deviation) + 4)}",
    ]
    for trial in shown_trials:
        cells = [f"{trial.number}{', defaults' * is_default(trial)}", *(shown_value(trial.params[n]) for n in names)]
        losses = trial.user_attrs["val_losses"]
        cells += [f"{trial.value:.4f}", *(f"{statistics.stdev(losses):.4f}" for _ in deviation)]
        cells += [percent(trial.user_attrs["val_accuracy"]), f"{trial.duration.total_seconds():.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    if importance := importance_of(study):
        lines += ["", "| parameter | importance |", "|---|---|"]
        lines += [f"| {name} | {value:.2f} |" for name, value in importance.items()]
    return "\n".join(lines)


def is_default(trial: FrozenTrial) -> bool:
    return trial.user_attrs.get("defaults", False)


def shown_value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def described(trial: FrozenTrial, parameters: list[Parameter]) -> str:
    """`trial 3: lr 0.004, hidden 512: validation loss 0.0712, accuracy 97.90 %`"""
    values = ", ".join(f"{p.name} {shown_value(trial.params[p.name])}" for p in parameters)
    if trial.user_attrs.get("diverged"):
        result = "pruned, as its loss is NaN or infinite"
    elif trial.state == TrialState.PRUNED:
        result = f"pruned at a validation loss of {trial.value:.4f}"
    else:
        result = f"validation loss {trial.value:.4f}, accuracy {percent(trial.user_attrs['val_accuracy'])}"
    return f"trial {trial.number}: {values}: {result}"


def say(text: str) -> None:
    print(f"sweep: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run_tool("sweep", main))
