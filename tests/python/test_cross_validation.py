"""--fold: another part of the training images is held out for each, in a run that goes on, too."""

import json
from pathlib import Path

import pytest

from support import error_line, run_program

RUN = ["--hidden", "16", "--lr", "0.1", "--log", "", "--output", "m.safetensors", "--quiet"]


def epochs(*args: object, cwd: Path) -> list[dict]:
    """The epochs of a run's JSON log, without the seconds."""
    done = run_program("mnist_mlp", *RUN, "--log-json", "l.jsonl", *args, cwd=cwd)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (cwd / "l.jsonl").read_text().splitlines()]
    return [{**line, "seconds": None} for line in lines if line["event"] == "epoch"]


def test_each_fold_is_another_run(small_data: Path, tmp_path: Path) -> None:
    args = ["--epochs", 2, "--data-dir", small_data]
    folds = [epochs(*args, "--fold", f"{k}/3", cwd=tmp_path) for k in (1, 2, 3)]
    for log in folds:  # of 200 images
        counts = [line["val_accuracy"] * 200 for line in log]
        assert counts == pytest.approx([round(count) for count in counts], abs=1e-9)
    assert len({log[-1]["val_loss"] for log in folds}) == 3
    assert folds[1] == epochs(*args, "--fold", "2/3", "--threads", 1, cwd=tmp_path)
    assert folds[1] != epochs(*args, "--fold", "2/3", "--seed", 1, cwd=tmp_path)
    assert epochs(*args, "--fold", "none", cwd=tmp_path) == epochs(*args, cwd=tmp_path)


def test_a_run_that_goes_on_keeps_its_fold(small_data: Path, tmp_path: Path) -> None:
    args = ["--fold", "2/5", "--data-dir", small_data]
    whole = epochs(*args, "--epochs", 4, cwd=tmp_path)
    epochs(*args, "--epochs", 2, "--checkpoint-dir", "c", cwd=tmp_path)
    for option, there in {"--fold=3/5": '--fold "2/5" there', "--validation=0.1": "--validation 0 there"}.items():
        other = run_program("mnist_mlp", *RUN, "--resume", "c", "--epochs", 4, option, cwd=tmp_path)
        assert f"is of a run with other options: {there}" in error_line(other, "mnist_mlp")
    assert epochs("--resume", "c", "--epochs", 4, cwd=tmp_path) == whole


def test_patience_watches_a_fold(small_data: Path, tmp_path: Path) -> None:
    args = ["--fold", "1/2", "--epochs", 50, "--lr", 2, "--patience", 2, "--data-dir", small_data]
    assert 2 < len(epochs(*args, cwd=tmp_path)) < 50


@pytest.mark.parametrize("fold", ["2", "0/5", "6/5", "1/1", "1/1001", "-1/5", "1/5/2", "a/b"])
def test_what_is_no_fold(fold: str, tmp_path: Path) -> None:
    said = error_line(run_program("mnist_mlp", f"--fold={fold}", cwd=tmp_path), "mnist_mlp", 2)
    assert said == f"--fold: found '{fold}', expected K/N, with N from 2 to 1000 and K from 1 to N, or none"


def test_folds_that_do_not_fit(small_data: Path, tmp_path: Path) -> None:
    args = ["--data-dir", small_data, "--fold", "1/700"]
    said = error_line(run_program("mnist_mlp", *args, "--quiet", cwd=tmp_path), "mnist_mlp")
    assert said == "--fold: found 700 folds of 600 training images, expected at least one image in each"
    said = error_line(run_program("mnist_mlp", *args, "--validation", "0.1", cwd=tmp_path), "mnist_mlp", 2)
    assert said == "--fold: found with --validation, expected one of them: both say what is held out"
