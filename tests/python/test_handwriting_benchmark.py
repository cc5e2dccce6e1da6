"""tools/handwriting_benchmark.py: digits of other hands, read by the real program."""

import re
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from common.idx import read_dataset
from conftest import Run
from handwriting_benchmark import own_pictures, summary, typeset, writers
from support import BUILD, DATA, error_line, run_tool


def test_digits_of_writers_of_fonts_and_of_ones_own(runs: dict[str, Run], tmp_path: Path) -> None:
    digits, labels = read_dataset(DATA, "t10k")
    for i in range(20):
        folder = tmp_path / "own" / str(labels[i])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - digits[i]).resize((140, 140)).save(folder / f"{i}.png")
    model = runs["mnist_mlp"].model
    done = run_tool("handwriting_benchmark", model, "--pictures", "own", "--build-dir", BUILD, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = dict(re.findall(r", ([\w ]+): ([\d.]+) % of \d+ right", done.stdout))
    assert 50 < float(found.pop("writers")) < 95
    assert float(found.pop("own")) >= 70
    assert all(float(share) > 50 for share in found.values())  # the fonts, if there are any


def test_the_writers_digits_are_black_on_white() -> None:
    drawn = list(writers())
    assert len(drawn) == 1797
    assert {digit for digit, _ in drawn} == set(range(10))
    for _, picture in drawn[:50]:
        levels, counts = np.unique(np.asarray(picture), return_counts=True)
        assert levels.tolist() == [0, 255]
        assert counts[1] > counts[0]


def test_fonts_write_every_digit_twice() -> None:
    font = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    drawn = list(typeset([font]))
    assert sorted(digit for digit, _ in drawn) == sorted([*range(10)] * 2)
    assert all(picture.getextrema() == (0, 255) for _, picture in drawn)


def test_what_is_common_among_mistakes() -> None:
    answers = [(1, "1")] * 6 + [(1, "not sure")] * 3 + [(7, "1")]
    assert summary(answers) == "60.0 % of 10 right (3 times 1 as not sure, 1 times 7 as 1)"


def test_a_folder_without_pictures(build: Path, tmp_path: Path) -> None:
    done = run_tool("handwriting_benchmark", "m.bin", "--pictures", "none", "--build-dir", build, cwd=tmp_path)
    expected = "none: no pictures, expected folders 0 to 9 with pictures of these digits"
    assert error_line(done, "handwriting_benchmark") == expected


def test_own_pictures_have_the_folders_digit(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "a.png").touch()
    assert own_pictures(tmp_path) == [(3, tmp_path / "3" / "a.png")]
