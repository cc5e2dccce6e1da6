"""The reader of training logs: columns by name, and everything that can be wrong."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from common.training_log import read_log
from conftest import Run
from support import GOOD_LOG, LOG_HEADER


def write(folder: Path, text: str, name: str = "log.txt") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_good_log(tmp_path: Path) -> None:
    log = read_log(write(tmp_path, GOOD_LOG))
    assert (
        log.epoch.tolist() == [1, 2]
        and log.loss.tolist() == [0.8, 0.4]
        and log.seconds.tolist() == [2.5, 1.5]
    )
    assert np.isnan(log.val_loss).all() and log.test_accuracy[1] == 0.925 and log.elapsed.tolist() == [2.5, 4]


def test_columns_are_selected_by_name(tmp_path: Path) -> None:
    log = read_log(write(tmp_path, "#seconds, extra, loss, epoch\n2.5, 9, 0.8, 1\n"))
    assert (log.epoch[0], log.loss[0], log.seconds[0]) == (1, 0.8, 2.5) and np.isnan(log.test_accuracy[0])


@pytest.mark.parametrize("program", ["mnist_mlp", "mnist_cnn", "mnist_attention_pool"])
def test_logs_of_the_programs(program: str, runs: dict[str, Run]) -> None:
    log = read_log(runs[program].log)
    assert log.epoch.tolist() == [1] and 0 < log.loss[0] < 2.4 and log.seconds[0] > 0
    assert log.learning_rate[0] == pytest.approx(0.01)


BAD = {
    "empty": ("", "first line '', expected '# ' and the column names, among them epoch, loss, seconds"),
    "no header": (
        "1,2,3\n",
        "first line '1,2,3', expected '# ' and the column names, among them epoch, loss, seconds",
    ),
    "no loss": (
        "# epoch,seconds\n1,2\n",
        "first line '# epoch,seconds', expected '# ' and the column names, among them epoch, loss, seconds",
    ),
    "no rows": (LOG_HEADER, "no epochs, expected at least one row below the header"),
    "short row": (GOOD_LOG + "3,0.3\n", "2 values in line 4, expected 7 as in the header"),
    "no number": (GOOD_LOG.replace("0.8", "low"), "'1,low,2.5,nan,nan,nan,0.01' in line 2, expected numbers"),
    "epochs twice": (
        GOOD_LOG + "2,0.4,1.5,nan,nan,nan,0.01\n",
        "epochs out of order, expected an epoch column that grows from row to row",
    ),
    "epoch nan": (
        GOOD_LOG.replace("\n1,", "\nnan,"),
        "epochs out of order, expected an epoch column that grows from row to row",
    ),
    "negative time": (
        GOOD_LOG.replace("2.5", "-1"),
        "an epoch without a valid time, expected seconds of 0 or more",
    ),
    "time nan": (
        GOOD_LOG.replace("2.5", "nan"),
        "an epoch without a valid time, expected seconds of 0 or more",
    ),
    "accuracy in percent": (
        GOOD_LOG.replace("0.925", "92.5"),
        "an accuracy out of range, expected accuracies from 0 to 1",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_logs(kind: str, tmp_path: Path) -> None:
    text, said = BAD[kind]
    path = write(tmp_path, text)
    assert error_of(path) == f"{path}: {said}"


def test_what_is_no_log(tmp_path: Path) -> None:
    model = tmp_path / "model.bin"
    model.write_bytes(b"\xff\xfe\x00\x80" * 100)
    assert error_of(model) == f"{model}: not text, expected a training log"
    assert error_of(tmp_path) == f"{tmp_path}: is a directory, expected a training log"
    assert error_of(Path("/dev/zero")) == "/dev/zero: more than 64 MiB, expected a training log"
    missing = tmp_path / "none.txt"
    assert error_of(missing) == f"{missing}: no such file or directory, expected a training log"


def error_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_log(path)
    return str(caught.value)
