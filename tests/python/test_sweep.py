"""tools/sweep.py: real trials on a few images, killed and shared sweeps, what it says is wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from PIL import Image

import sweep
from support import BUILD, TOOLS, error_line, run_program, run_tool, small_mnist, write_idx
from sweeping.objective import Objective, runs_of
from sweeping.search_space import check_with_program, parse_tune
from sweeping.study import FINISHED

LR = ["--tune", "lr=0.001:0.3:log"]
SHORT = ["--hidden", "16", "--epochs", "2"]  # options of the program


@pytest.fixture
def data(build: Path, tmp_path: Path) -> Path:
    return small_mnist(tmp_path / "data", 300)


def command(*args: object, options: list[str] = SHORT) -> list[object]:
    return ["mnist_mlp", *args, "--build-dir", BUILD, "--", *options, "--data-dir", "data"]


def run(*args: object, cwd: Path, options: list[str] = SHORT) -> subprocess.CompletedProcess[str]:
    done = run_tool("sweep", *command(*args, options=options), cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done


def start(*args: object, cwd: Path, options: list[str] = SHORT) -> subprocess.Popen[str]:
    words = [sys.executable, str(TOOLS / "sweep.py"), *map(str, command(*args, options=options))]
    return subprocess.Popen(words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def trials_of(cwd: Path, study: str = "mnist_mlp", url: str = "") -> list[optuna.trial.FrozenTrial]:
    url = url or f"sqlite:///{cwd}/sweeps/{study}/study.db"
    return optuna.load_study(study_name=study, storage=url).get_trials()


def finished(trials: list[optuna.trial.FrozenTrial]) -> int:
    assert not [trial for trial in trials if trial.state in (TrialState.RUNNING, TrialState.WAITING)]
    return sum(trial.state in FINISHED for trial in trials)


def best_epoch(*args: object, cwd: Path) -> dict:
    """That of the lowest validation loss, as the program itself finds it."""
    files = ["--output", "m.safetensors", "--log", "", "--log-json", "l.jsonl", "--data-dir", "data"]
    assert run_program("mnist_mlp", *args, *files, cwd=cwd).returncode == 0
    lines = [json.loads(line) for line in (cwd / "l.jsonl").read_text().splitlines()]
    return min((line for line in lines if line["event"] == "epoch"), key=lambda epoch: epoch["val_loss"])


def test_a_table_the_best_settings_and_a_picture(data: Path, tmp_path: Path) -> None:
    done = run(*LR, "--tune", "hidden=16|32", "--trials", 7, "--jobs", 2, cwd=tmp_path)
    trials = trials_of(tmp_path)
    assert finished(trials) == len(trials) == 7
    assert (trials[0].params, trials[0].user_attrs["defaults"]) == ({"lr": 0.01, "hidden": "16"}, True)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    best = min(complete, key=lambda trial: trial.value)
    lines = done.stdout.splitlines()
    assert lines[0] == f"{len(complete)} trials complete, {7 - len(complete)} pruned; the best of them:"
    assert lines[2] == "| trial | lr | hidden | validation loss | accuracy | seconds |"
    rows = {cells[0]: cells[1:] for cells in (line.strip("| ").split(" | ") for line in lines[4:]) if len(cells) == 6}
    accuracy = f"{100 * best.user_attrs['val_accuracy']:.2f} %"
    name = f"{best.number}, defaults" if best.number == 0 else str(best.number)
    assert rows[name][:4] == [f"{best.params['lr']:.4g}", best.params["hidden"], f"{best.value:.4f}", accuracy]
    assert "0, defaults" in rows and list(rows)[0] == name
    shares = [float(line.strip("| ").split(" | ")[1]) for line in lines if line.startswith(("| lr |", "| hidden |"))]
    assert len(shares) == 2 and sum(shares) == pytest.approx(1, abs=0.02)
    assert len([line for line in done.stderr.splitlines() if line.startswith("sweep: trial ")]) == 7

    config = tmp_path / "sweeps/mnist_mlp/best.json"
    settings = json.loads(config.read_text())
    assert (settings["lr"], settings["hidden"], settings["epochs"]) == (best.params["lr"], best.params["hidden"], 2)
    again = best_epoch("--config", config, "--seed", 1, "--validation", 0.1, cwd=tmp_path)
    assert (again["val_loss"], again["val_accuracy"]) == (best.value, best.user_attrs["val_accuracy"])
    assert np.asarray(Image.open(tmp_path / "sweeps/mnist_mlp/importance.png").convert("L")).std() > 0


def test_the_test_images_have_no_part_in_it(data: Path, tmp_path: Path) -> None:
    run(*LR, "--trials", 1, "--study", "a", cwd=tmp_path)
    for part, shape in {"images.idx3": (5, 28, 28), "labels.idx1": (5,)}.items():
        write_idx(data / f"t10k-{part}-ubyte", np.full(shape, 3))
    run(*LR, "--trials", 1, "--study", "b", cwd=tmp_path)
    assert [trials_of(tmp_path, study)[0].value for study in "ab"] == 2 * [trials_of(tmp_path, "a")[0].value]


def test_folds_and_seeds(data: Path, tmp_path: Path) -> None:
    done = run(*LR, "--trials", 1, "--folds", 2, "--seeds", 2, cwd=tmp_path)
    runs = [(seed, fold) for seed in (1, 2) for fold in ("1/2", "2/2")]
    epochs = [best_epoch(*SHORT, "--seed", seed, "--fold", fold, cwd=tmp_path) for seed, fold in runs]
    (trial,) = trials_of(tmp_path)
    losses = [epoch["val_loss"] for epoch in epochs]
    assert trial.user_attrs["val_losses"] == losses and len(set(losses)) == 4
    assert trial.value == pytest.approx(np.mean(losses))
    assert trial.user_attrs["val_accuracy"] == pytest.approx(np.mean([epoch["val_accuracy"] for epoch in epochs]))
    assert f"| {trial.value:.4f} | {np.std(losses, ddof=1):.4f} |" in done.stdout


@pytest.mark.parametrize(("args", "share"), [([], 0.1), (["--folds", 2], 0.5)])
def test_settings_with_patience_keep_a_validation(args: list[object], share: float, data: Path, tmp_path: Path) -> None:
    run(*LR, *args, "--trials", 1, cwd=tmp_path, options=["--hidden", "16", "--epochs", "9", "--patience", "1"])
    config = tmp_path / "sweeps/mnist_mlp/best.json"
    assert json.loads(config.read_text())["validation"] == share
    assert run_program("mnist_mlp", "--config", config, "--quiet", cwd=tmp_path).returncode == 0


class BadTrial:
    """A trial that the pruner has seen enough of after an epoch."""

    def __init__(self) -> None:
        self.reports: dict[int, float] = {}

    def suggest_float(self, name: str, low: float, high: float, log: bool) -> float:
        return high

    def report(self, value: float, step: int) -> None:
        self.reports[step] = value

    def should_prune(self) -> bool:
        return bool(self.reports)


def test_a_bad_trial_is_stopped_by_its_log(data: Path, tmp_path: Path) -> None:
    options = ["--hidden", "16", "--epochs", "1000000", "--data-dir", str(data)]
    parameter = check_with_program(parse_tune("lr=0.001:0.1"), BUILD / "mnist_mlp", options)
    trial = BadTrial()
    with pytest.raises(optuna.TrialPruned):
        Objective(BUILD / "mnist_mlp", options, [parameter], 1, runs_of(1, 0, 0.1))(trial, lambda: None)
    assert 1 in trial.reports and all(loss > 0 for loss in trial.reports.values())
    assert list(trial.reports.values()) == sorted(trial.reports.values(), reverse=True)  # the best loss so far


@pytest.mark.parametrize(("args", "state"), [([], TrialState.PRUNED), (["--no-pruning"], TrialState.COMPLETE)])
def test_a_trial_that_is_worse_than_the_median_is_pruned(
    args: list[str], state: TrialState, data: Path, tmp_path: Path
) -> None:
    """Between its runs, if they are too short to be stopped."""
    (tmp_path / "sweeps/mnist_mlp").mkdir(parents=True)
    url = f"sqlite:///{tmp_path}/sweeps/mnist_mlp/study.db"
    study = optuna.create_study(study_name="mnist_mlp", storage=url)  # as if killed before it said what it is
    for rate in 5 * ["0.1"] + ["1e-9"]:
        study.enqueue_trial({"lr": rate})
    run("--tune", "lr=0.1|1e-9", "--trials", 6, "--jobs", 1, "--seeds", 2, *args, cwd=tmp_path)
    trials = trials_of(tmp_path)
    assert [trial.state for trial in trials] == 5 * [TrialState.COMPLETE] + [state]


def test_a_loss_that_is_no_number_is_the_worst(data: Path, tmp_path: Path) -> None:
    """Whether it is in the first epoch or later; the first trial is that of the defaults."""
    options = ["--hidden", "64,64", "--activation", "none", "--lr", "1e6", "--epochs", "3"]
    done = run("--tune", "lr=0.01|1e6", "--trials", 12, cwd=tmp_path, options=options)  # one of them with 0.01
    bad = [trial for trial in trials_of(tmp_path) if trial.params["lr"] == "1e6"]
    assert bad and all(trial.state == TrialState.PRUNED and trial.user_attrs["diverged"] for trial in bad)
    assert done.stderr.count("lr 1e6: pruned, as its loss is NaN or infinite") == len(bad)


def wait_for_trials(process: subprocess.Popen[str], wanted: int) -> None:
    while wanted:
        line = process.stderr.readline()
        assert line, process.wait()
        wanted -= line.startswith("sweep: trial ")


def programs_of_sweeps() -> list[bytes]:
    """The command lines of the trials that run on this machine."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            commands.append(path.read_bytes())
    return [words for words in commands if words.startswith(bytes(BUILD / "mnist_mlp")) and b"/sweep-" in words]


def test_a_sweep_that_is_killed_twice_ends_with_all_its_trials(data: Path, tmp_path: Path) -> None:
    args = [*LR, "--trials", 12, "--jobs", 2]
    options = ["--hidden", "64", "--epochs", "150"]
    for _ in range(2):
        process = start(*args, cwd=tmp_path, options=options)
        wait_for_trials(process, 2)
        time.sleep(0.1)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 20
        while programs_of_sweeps():  # they are killed with it
            assert time.monotonic() < deadline
            time.sleep(0.1)
    before = trials_of(tmp_path)
    left = [trial.number for trial in before if trial.state == TrialState.RUNNING]
    assert 4 <= sum(trial.state in FINISHED for trial in before) < 12 and left
    done = run(*args, cwd=tmp_path, options=options)
    trials = trials_of(tmp_path)
    assert finished(trials) == 12 and "trials complete" in done.stdout
    assert all(trials[number].state == TrialState.FAIL for number in left)
    again = [trial.system_attrs["failed_trial"] for trial in trials if "failed_trial" in trial.system_attrs]
    assert set(left) <= set(again)  # with the same parameters
    assert "12 of 12 trials finished" in run(*args, cwd=tmp_path, options=options).stderr


def test_a_sweep_that_was_killed_as_it_took_a_trial_goes_on(data: Path, tmp_path: Path) -> None:
    run(*LR, "--trials", 1, cwd=tmp_path)
    url = f"sqlite:///{tmp_path}/sweeps/mnist_mlp/study.db"
    optuna.load_study(study_name="mnist_mlp", storage=url).ask()  # without any sign of life
    run(*LR, "--trials", 2, cwd=tmp_path)
    trials = trials_of(tmp_path)
    assert finished(trials) == 2 and [trial.state for trial in trials[:2]] == [TrialState.COMPLETE, TrialState.FAIL]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_goes_on(how: signal.Signals, data: Path, tmp_path: Path) -> None:
    args = [*LR, "--trials", 5, "--jobs", 2]
    process = start(*args, cwd=tmp_path, options=["--hidden", "16", "--epochs", "200"])
    wait_for_trials(process, 1)
    process.send_signal(how)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and "of 5 trials; the same command goes on\n" in stderr
    assert "trials complete" in stdout and (tmp_path / "sweeps/mnist_mlp/best.json").exists()
    assert not [trial for trial in trials_of(tmp_path) if trial.state == TrialState.RUNNING]
    run(*args, cwd=tmp_path, options=["--hidden", "16", "--epochs", "200"])
    assert finished(trials_of(tmp_path)) == 5


def test_a_program_that_fails_costs_no_trial(data: Path, tmp_path: Path) -> None:
    labels = data / "train-labels.idx1-ubyte"
    labels.rename(data / "away")
    done = run_tool("sweep", *command(*LR, "--trials", 3), cwd=tmp_path)
    said = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and said.startswith(
        "sweep: error: mnist_mlp: exit status 1 (mnist_mlp: error: data: has"
    )
    (data / "away").rename(labels)
    run(*LR, "--trials", 3, cwd=tmp_path)
    trials = trials_of(tmp_path)
    defaults = [trial for trial in trials if trial.state in FINISHED and trial.user_attrs.get("defaults")]
    assert finished(trials) == 3 and len(defaults) == 1


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The URL of a server of its own. Skipped where there is none, or where it may not be started."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("needs PostgreSQL's server (Debian's postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="nn-postgresql-"))
    as_user = []  # it refuses to run as root
    if os.geteuid() == 0:
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")

    def call(program: str, *args: object) -> None:
        words = [*as_user, programs[-1].with_name(program), "-D", folder / "db", *args]
        subprocess.run(list(map(str, words)), check=True, cwd="/", stdout=subprocess.DEVNULL)

    try:
        call("initdb", "--auth=trust", "--username=nn", "--no-sync")
        call("pg_ctl", "-w", "-l", folder / "log", "-o", f"-h '' -k {folder} -F", "start")
        yield f"postgresql://nn@/postgres?host={folder}"
        call("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def test_two_processes_share_a_postgresql_database(postgresql: str, data: Path, tmp_path: Path) -> None:
    args = [*LR, "--trials", 11, "--jobs", 2, "--storage", postgresql]
    both = [
        start(*args, "--output", f"out{i}", cwd=tmp_path, options=["--hidden", "64", "--epochs", "60"]) for i in (1, 2)
    ]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    url = postgresql.replace("postgresql:", "postgresql+psycopg:")
    trials = trials_of(tmp_path, url=url)
    assert finished(trials) == 11 and sum(trial.user_attrs.get("defaults", False) for trial in trials) == 1
    done = [stderr.count("sweep: trial ") for _, stderr in outputs]
    assert sum(done) == 11 and min(done) > 0
    assert outputs[0][0].replace("out1", "out2") == outputs[1][0]  # the same table
    other = run_tool("sweep", *command("--tune", "lr=0.01:0.3:log", "--storage", postgresql), cwd=tmp_path)
    said = error_line(other, "sweep")
    assert said.startswith("study mnist_mlp in postgresql://nn@/") and ": is another sweep's: --tune lr " in said


def test_another_sweep_of_the_same_name_is_refused(data: Path, tmp_path: Path) -> None:
    run(*LR, "--trials", 1, cwd=tmp_path)
    before = trials_of(tmp_path)
    others = {
        ("--tune", "lr=0.01:0.3:log"): "--tune lr 0.001:0.3:log there, 0.01:0.3:log here",
        (*LR, "--tune", "ema=0:0.9"): "--tune ema not given there, 0:0.9 here",
        (*LR, "--seeds", 2): "--seeds 1 there, 2 here",
        (*LR, "--folds", 3): "--validation 0.1 there, not given here; --folds not given there, 3 here",
    }
    for args, said in others.items():
        line = error_line(run_tool("sweep", *command(*args), cwd=tmp_path), "sweep")
        where = "study mnist_mlp in sqlite:///sweeps/mnist_mlp/study.db: is another sweep's"
        assert line == f"{where}: {said}, expected the same options, or another --study"
    line = error_line(
        run_tool("sweep", *command(*LR, options=["--hidden", "17", "--epochs", "2"]), cwd=tmp_path), "sweep"
    )
    assert ": --hidden 16 there, 17 here, expected" in line
    assert trials_of(tmp_path) == before


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "postgresql://me:secret@localhost:1/x",
            "postgresql://me:***@localhost:1/x: cannot be used (connection failed",
        ),
        ("sqlite:////proc/x.db", "sqlite:////proc/x.db: cannot be used (unable to open database file"),
        ("oracle9://x", "oracle9://x: cannot be used ("),
        ("nothing", "--storage: found 'nothing', expected a URL such as postgresql://USER@HOST/DATABASE"),
    ],
)
def test_databases_that_are_not_there(url: str, said: str, build: Path, tmp_path: Path) -> None:
    line = error_line(run_tool("sweep", *command(*LR, "--storage", url), cwd=tmp_path), "sweep")
    assert line.startswith(said) and "secret" not in line


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ["--tune", "lrr=1:2"],
            "--lrr=1: unknown option, expected one of those that --help lists; the nearest is --lr",
        ),
        (["--tune", "lr=1e-4:1e9:log"], "--lr: found '1000000000.0', expected a number from 1e-12 to 1e+06"),
        (["--tune", "hidden=16|x"], "--hidden: found 'x', expected"),
        (["--tune", "optimizer=sgd|adams"], "--optimizer: found 'adams', expected one of sgd, "),
        (["--tune", "epochs=0:5"], "--epochs: found '0', expected a whole number from 1 to "),
        (["--tune", "epochs=1.5:5"], "--epochs: found '1.5', expected a whole number from 1 to "),
        ([*LR, "--", "--preset", "quick"], "--preset: found 'quick', expected one of plain, "),
    ],
)
def test_parameters_are_looked_at_before_any_training(args: list[str], said: str, build: Path, tmp_path: Path) -> None:
    done = run_tool("sweep", "mnist_mlp", "--build-dir", BUILD, *args, cwd=tmp_path)
    assert said in error_line(done, "sweep")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "the following arguments are required: --tune"),
        (["--tune", "lr"], "--tune: found 'lr', expected NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=A|B|..."),
        (["--tune", "lr=1"], "--tune: found 'lr=1', expected NAME="),
        (["--tune", "lr=a:b"], "--tune: found 'lr=a:b', expected NAME="),
        (["--tune", "lr=1:1"], "--tune: found 'lr=1:1', expected a lower number before a higher one"),
        (["--tune", "lr=nan:1"], "--tune: found 'lr=nan:1', expected a lower number before a higher one"),
        (["--tune", "lr=0:1:log"], "--tune: found 'lr=0:1:log', expected numbers above 0 for a logarithmic scale"),
        (["--tune", "hidden=16|16"], "--tune: found 'hidden=16|16', expected NAME="),
        ([*LR, *LR], "--tune: lr is given more than once, expected each option once"),
        (["--tune", "seed=1:9"], "--seed: is set by the sweep itself, expected another option of the program"),
        ([*LR, "--", "--output=x"], "--output: is set by the sweep itself, expected another option"),
        ([*LR, "--trials", "0"], "--trials: found '0', expected a whole number from 1 to"),
        ([*LR, "--folds", "1"], "--folds: found '1', expected a whole number from 2 to"),
        ([*LR, "--folds", "2", "--validation", "0.1"], "--validation: not allowed with argument --folds"),
        ([*LR, "--epochs", "3"], "unrecognized arguments: --epochs 3"),
    ],
)
def test_wrong_usage(args: list[str], said: str, tmp_path: Path) -> None:
    assert error_line(run_tool("sweep", "mnist_mlp", *args, cwd=tmp_path), "sweep", 2).startswith(said)


def test_whole_numbers_where_the_option_takes_only_these(build: Path) -> None:
    def parameter(text: str, *options: str, program: str = "mnist_mlp") -> tuple[bool, object]:
        found = check_with_program(parse_tune(text), BUILD / program, list(options))
        return found.is_whole, found.default

    assert parameter("epochs=5:20") == (True, 10)
    assert parameter("hidden=64:1024:log") == (True, 512)
    assert parameter("weight-decay=0:1") == (False, 0.0)
    assert parameter("lr=0.1:1") == (False, None)  # the default is not among them
    assert parameter("lr=0.1:1", "--lr", "0.5") == (False, 0.5)
    assert parameter("optimizer=adam|sgd") == (False, "sgd")
    assert parameter("preset=fast|plain") == (False, "plain")
    assert parameter("transpose=true|false") == (False, "false")
    assert parameter("layers=dense 10|dense 16, relu, dense 10", program="mnist_cnn") == (False, None)


def test_what_is_no_range() -> None:
    with pytest.raises(ArgumentTypeError):
        parse_tune("lr=1:inf")


def test_trials_share_the_idle_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    def shared(idle: int, *args: str) -> tuple[int, int]:
        monkeypatch.setattr(sweep, "idle_cores", lambda available: idle)
        options = sweep.parse_options(["mnist_mlp", *LR, *args])
        return sweep.share_cores(options, 16)

    assert shared(8) == (8, 1)
    assert shared(8, "--threads", "3") == (2, 3)
    assert shared(8, "--jobs", "3") == (3, 2)
    assert shared(1, "--threads", "4") == (1, 4)
    assert shared(2, "--jobs", "4", "--threads", "5") == (4, 5)
    monkeypatch.undo()
    assert 1 <= sweep.idle_cores(2) <= 2


def test_a_program_that_is_not_built(tmp_path: Path) -> None:
    line = error_line(run_tool("sweep", "mnist_cnn", *LR, "--build-dir", "none", cwd=tmp_path), "sweep")
    assert line == "none/mnist_cnn: no such file, expected a built program (tools/run.sh mnist_cnn makes it)"
