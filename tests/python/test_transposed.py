"""Models that were trained with --transpose say so themselves: everything shows them images as they know them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from common.idx import read_dataset
from conftest import Run
from models import load_model, save_model
from report import make_report
from support import DATA, run_program, run_tool, write_idx


@pytest.fixture
def folder(runs: dict[str, Run], tmp_path: Path) -> Path:
    """Digits in data/, the same with rows and columns swapped in turned/, a model that knows each kind."""
    images, labels = read_dataset(DATA, "t10k")
    for name, values in {"data": images[:60], "turned": images[:60].swapaxes(1, 2)}.items():
        (tmp_path / name).mkdir()
        write_idx(tmp_path / name / "t10k-images-idx3-ubyte", values)
        write_idx(tmp_path / name / "t10k-labels-idx1-ubyte", labels[:60])
    model = load_model(runs["mnist_attention_pool"].model)
    save_model(tmp_path / "upright.safetensors", model)
    save_model(tmp_path / "turned.safetensors", replace(model, metadata={"options": '{"transpose":true}'}))
    return tmp_path


def test_evaluate(folder: Path) -> None:
    def loss(model: str, data: str, *options: str) -> float:
        args = ["evaluate", f"{model}.safetensors", "--data-dir", data, "--json", *options]
        return json.loads(run_program("mnist_mlp", *args, cwd=folder).stdout)["loss"]

    expected = loss("upright", "data")
    assert loss("turned", "turned") == expected
    assert loss("upright", "turned", "--transpose") == expected
    assert loss("upright", "turned") != expected


def test_predict(folder: Path) -> None:
    def lines(model: str, data: str) -> list[str]:
        names = [f"{data}/t10k-images-idx3-ubyte:{i}" for i in range(10)]
        done = run_program("mnist_cnn", "predict", f"{model}.safetensors", *names, cwd=folder)
        assert done.returncode == 0, done.stderr
        return [line.split(": ", 1)[1] for line in done.stdout.splitlines()]

    assert lines("turned", "turned") == lines("upright", "data")
    assert lines("upright", "turned") != lines("upright", "data")


def test_report(folder: Path) -> None:
    def loss(model: str, data: str, transpose: bool = False) -> float:
        report = make_report(folder / f"{model}.safetensors", folder / data, transpose=transpose)
        return report.evaluation.loss

    expected = loss("upright", "data")
    assert loss("turned", "turned") == expected
    assert loss("upright", "turned", transpose=True) == expected
    assert loss("upright", "turned") != expected


def test_visualize_attention(folder: Path) -> None:
    def printed(model: str, data: str) -> str:
        name = f"{data}/t10k-images-idx3-ubyte:3"
        done = run_tool("visualize_attention", f"{model}.safetensors", name, cwd=folder)
        assert done.returncode == 0, done.stderr
        return done.stdout.split(": ", 1)[1]

    assert printed("turned", "turned") == printed("upright", "data")
    assert printed("upright", "turned") != printed("upright", "data")
