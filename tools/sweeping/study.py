"""A sweep's study in its database: opened, compared with the command, worked on by any number of processes.

A trial is finished if it is complete or pruned; the sweep is done with as many as were asked for. One whose
process is gone has failed, its parameters wait to be tried again, and it does not count.
"""

import sqlite3
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import optuna
import sqlalchemy
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from common.errors import InputError, one_line

HEARTBEAT, GONE = 2, 15  # seconds between two signs of life of a trial, and without any until it counts as failed
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
CLAIMED = (*FINISHED, TrialState.RUNNING, TrialState.WAITING)

Definition = dict[str, str]  # what makes two sweeps the same: "--seeds": "1", ...


def try_again(study: optuna.Study, trial: FrozenTrial) -> None:
    """The parameters of a failed trial wait for a new one."""
    RetryHeartbeatStaleTrialCallback()(study, trial)


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
def _without_waiting_for_the_disk(connection: object, _: object) -> None:
    """SQLite flushes no more than it needs to survive a killed process: three times as fast with short trials."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")


class Stopped(Exception):
    """The sweep ends before its trials do."""


class Surplus(Exception):
    """Another process has taken the last trial in the same moment."""


def quiet() -> None:
    """Optuna says nothing of its own; what the database refuses, the trial itself reports, not its heartbeat."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    threading.excepthook = lambda _: None


def shown(url: str) -> str:
    """A database's URL without the password in it."""
    return sqlalchemy.make_url(url).render_as_string(hide_password=True)


def database_error(url: str, error: Exception) -> InputError:
    """The database's own words, without SQLAlchemy's around them."""
    reason = getattr(error, "orig", None) or error.__cause__ or error
    words = one_line(str(getattr(reason, "orig", None) or reason)).strip().rstrip(".")
    return InputError(shown(url), f"cannot be used ({words})", "a database that is there")


def open_study(url: str, name: str, definition: Definition, defaults: dict[str, object] | None) -> optuna.Study:
    """A new study, which tries `defaults` first, or the one of that name.

    Raises InputError if there is no database, or if the study of that name is of another sweep.
    """
    try:
        parsed = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise InputError("--storage", f"found {url!r}", "a URL such as postgresql://USER@HOST/DATABASE") from error
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    sampler = optuna.samplers.TPESampler(constant_liar=True)  # others are running: not the same place again
    try:
        storage = _connect(parsed)
        try:
            study, is_new = optuna.create_study(storage=storage, sampler=sampler, study_name=name), True
        except optuna.exceptions.DuplicatedStudyError:
            study, is_new = optuna.load_study(storage=storage, sampler=sampler, study_name=name), False
        there = None if is_new else _definition(study)
        if there is None:
            if defaults is not None:
                study.enqueue_trial(defaults, user_attrs={"defaults": True})
            study.set_user_attr("sweep", definition)
            there = definition
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, ImportError) as error:
        raise database_error(url, error) from error
    differences = [
        f"{key} {there.get(key, 'not given')} there, {definition.get(key, 'not given')} here"
        for key in {**there, **definition}
        if there.get(key) != definition.get(key)
    ]
    if differences:
        found = f"is another sweep's: {'; '.join(differences)}"
        raise InputError(f"study {name} in {shown(url)}", found, "the same options, or another --study")
    return study


def _connect(url: sqlalchemy.URL) -> RDBStorage:
    """Tries more than once: of two processes that make the tables at the same time, one fails."""
    is_sqlite = url.get_backend_name() == "sqlite"
    for attempt in range(3):
        try:
            return RDBStorage(
                url.render_as_string(hide_password=False),
                engine_kwargs={"connect_args": {"timeout": 60} if is_sqlite else {"connect_timeout": 10}},
                heartbeat_interval=HEARTBEAT,
                grace_period=GONE,
                heartbeat_stale_trial_callback=try_again,
            )
        except sqlalchemy.exc.SQLAlchemyError:
            if attempt == 2:
                raise
            time.sleep(0.5)
    raise AssertionError


def _definition(study: optuna.Study) -> Definition | None:
    """What the process that made the study says of it; None if that was killed before it did."""
    for _ in range(20):
        if found := study.user_attrs.get("sweep"):
            return found
        time.sleep(0.1)
    return None


def count(study: optuna.Study, *states: TrialState) -> int:
    return len(study.get_trials(deepcopy=False, states=states))


def fail_gone(study: optuna.Study, unstarted: dict[int, float]) -> None:
    """The trials of processes that are gone have failed, and are tried again.

    Optuna knows those that have given a sign of life, once. Others were killed as they took their trial.
    """
    fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if trial.user_attrs.get("started") == trial.number:
            continue
        if time.monotonic() - unstarted.setdefault(trial.number, time.monotonic()) > GONE:
            try:
                study.tell(trial.number, state=TrialState.FAIL)
            except ValueError:  # another process was faster
                continue
            try_again(study, trial)


def work(
    study: optuna.Study,
    trials: int,
    jobs: int,
    objective: Callable[[optuna.Trial, Callable[[], None]], float],
    tell: Callable[[FrozenTrial], None],
) -> None:
    """Runs trials, `jobs` at a time, until `trials` of the study are finished, here or elsewhere.

    `objective` gets a trial and what to call while it runs, which raises Stopped once the sweep ends early;
    `tell` gets each finished trial. Raises what a trial raises, once the others have stopped.
    """
    stop, errors, taking = threading.Event(), [], threading.Lock()
    unstarted: dict[int, float] = {}  # trials by number, and when they were first seen

    def check() -> None:
        if stop.is_set():
            raise Stopped

    def worker() -> None:
        try:
            while not stop.is_set() and count(study, *FINISHED) < trials:
                fail_gone(study, unstarted)
                if not _run_one(study, trials, taking, lambda trial: objective(trial, check), tell):
                    stop.wait(0.5)  # the last ones run; one may yet fail, here or on another machine
        except Stopped:
            pass
        except BaseException as error:
            errors.append(error)
            stop.set()

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.05)
    finally:  # Ctrl-C
        stop.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def _run_one(
    study: optuna.Study,
    trials: int,
    taking: threading.Lock,
    objective: Callable[[optuna.Trial], float],
    tell: Callable[[FrozenTrial], None],
) -> bool:
    """One trial; False if all have been taken. If it ends in an error, its parameters wait to be tried again.

    `taking` is held until it is taken: two threads could take the last one, or, from SQLite, the same one.
    """
    number, is_gone = -1, False

    def run(trial: optuna.Trial) -> float:
        nonlocal number, is_gone
        number = trial.number
        taking.release()
        try:
            study._storage.record_heartbeat(trial._trial_id)  # as optimize() will, a moment later
            trial.set_user_attr("started", number)
            claimed = study.get_trials(deepcopy=False, states=CLAIMED)
            if sum(other.number < number for other in claimed) >= trials:
                raise Surplus
            return objective(trial)
        except optuna.exceptions.UpdateFinishedTrialError:
            is_gone = True
            raise

    taking.acquire()
    try:
        if count(study, *CLAIMED) >= trials and not count(study, TrialState.WAITING):
            taking.release()
            return False
        study.optimize(run, n_trials=1, catch=(Surplus,))
    except Exception:
        if number < 0:
            taking.release()
        if is_gone:  # this process slept, and another one has taken the trial over
            return True
        if number >= 0:
            trial = study.get_trials(deepcopy=False)[number]
            if trial.state in FINISHED:  # of two processes that took a waiting trial from SQLite, the slower
                return True
            try_again(study, trial)
        raise
    trial = study.get_trials(deepcopy=False)[number]
    if trial.state in FINISHED:
        tell(trial)
    return True
