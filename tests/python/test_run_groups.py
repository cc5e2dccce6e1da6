"""Which runs are one line of the comparison, what it is called, and its mean and band."""

from pathlib import Path

import numpy as np
import pytest

from common.training_log import TrainingLog, read_log
from figures.run_groups import SEED, find_logs, group_runs
from support import GOOD_LOG, LOG_HEADER


def logs_of(folder: Path, *names: str, text: str = GOOD_LOG) -> list[TrainingLog]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return [read_log(folder / name) for name in names]


def labels(logs: list[TrainingLog], pattern: str = SEED) -> list[str]:
    return [group.label for group in group_runs(logs, pattern)]


def test_a_seed_in_the_name_makes_a_group(tmp_path: Path) -> None:
    names = ["cnn_seed1.txt", "mlp.txt", "cnn_seed2.txt", "mlp-seed=3.txt", "seed12/cnn.csv", "seeded.txt"]
    assert labels(logs_of(tmp_path, *names)) == ["cnn, 3 runs", "mlp, 2 runs", "seeded"]


def test_other_patterns(tmp_path: Path) -> None:
    logs = logs_of(tmp_path, "a-lr1.txt", "a-lr2.txt", "b_seed1.txt", "b_seed2.txt")
    assert labels(logs, r"-lr\d") == ["a, 2 runs", "b_seed1", "b_seed2"]
    assert labels(logs, "$") == ["a-lr1", "a-lr2", "b_seed1", "b_seed2"]


def test_default_logs_have_the_names_of_their_programs(tmp_path: Path) -> None:
    logs = logs_of(
        tmp_path, "training_loss_cnn.txt", "training_loss_c_seed1.txt", "training_loss_c_seed2.txt"
    )
    assert labels(logs) == ["mnist_cnn", "mnist_mlp, 2 runs"]


def test_groups_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    found = labels(logs_of(tmp_path, "a/run.v2.txt", "b/run.v2.txt"))
    assert found == [f"run.v2 ({tmp_path / name / 'run.v2'})" for name in ("a", "b")]


def test_mean_and_band_at_the_epochs_that_all_have(tmp_path: Path) -> None:
    rows = ["1,0.8,2,nan,nan,nan,1\n3,0.4,2,nan,0.5,nan,1\n", "1,0.6,4,nan,0.5,nan,1\n2,9,4,0,1,1,1\n"]
    logs = [
        log
        for seed, text in enumerate([*rows, ""])
        for log in logs_of(
            tmp_path, f"net_seed{seed}.txt", text=LOG_HEADER + (text or rows[1] + "3,0.2,4,nan,0.7,nan,1\n")
        )
    ]
    (group,) = group_runs([logs[0], logs[2]])
    curve = group.curve("loss", "elapsed")
    np.testing.assert_allclose(curve, [[3, 8], [0.7, 0.3], [0.6, 0.2], [0.8, 0.4]])
    accuracy = group.curve("val_accuracy", "epoch")  # the first run has none in epoch 1
    np.testing.assert_allclose(accuracy, [[1, 3], [np.nan, 0.6], [np.nan, 0.5], [np.nan, 0.7]])
    (all_three,) = group_runs(logs)
    assert all_three.curve("loss", "epoch").x.tolist() == [1]
    assert len(all_three.logs) == 3


def test_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs_of(tmp_path, "logs/b.txt", "logs/a.csv", "logs/notes.md", "c.log")
    monkeypatch.chdir(tmp_path)
    places = [Path("c.log"), Path("logs"), Path("logs/b.txt")]
    assert find_logs(places) == [Path(name) for name in ("c.log", "logs/a.csv", "logs/b.txt")]
    assert find_logs([Path("none.txt")]) == [Path("none.txt")]
