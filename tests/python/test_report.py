"""tools/report.py on models of the three programs: what is in the page, and what it says of bad input."""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from common.errors import InputError
from common.idx import read_dataset
from conftest import Run
from evaluation.figures import draw_inside, first_weights
from evaluation.page import page as html_of
from figures.style import LIGHT
from models import Model, load_model, probabilities, save_model
from models.chain import Layer
from models.layers import Attention, Conv, Dense, Flatten, GlobalAvgPool, MaxPool, Mean, Patches, Relu, Residual
from models.old_networks import attention_pool, cnn, mlp
from networks import random_model
from report import make_report
from support import DATA, GOOD_LOG, error_line, random_images, run_tool, small_mnist, write_idx, write_mlp

PROGRAM = "report"
ATTENTION = attention_pool((28, 28), 7, 4, 3, 10)
MAPS = "Attention, mean of heads and queries"
VOID = {"meta", "img", "source", "br"}


class Page(HTMLParser):
    """Tables by id, the text of other elements with an id, sources of pictures; tags must match."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.texts: dict[str, str] = {}
        self.sources: list[str] = []
        self.alts: list[str] = []
        self._open: list[tuple[str, str]] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self._open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.sources += [values[name] for name in ("src", "srcset", "href") if name in values]
        self.alts += [values["alt"]] if tag == "img" else []
        if tag not in VOID:
            self._open.append((tag, values.get("id") or (self._open[-1][1] if self._open else "")))
            if tag == "tr":
                self.tables.setdefault(self._open[-1][1], []).append([])

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if not self._open:
            return
        tag, name = self._open[-1]
        if tag in ("td", "th"):
            self.tables[name][-1].append(data)
        elif name:
            self.texts[name] = self.texts.get(name, "") + data


def make(folder: Path, *args: object) -> Page:
    result = run_tool(PROGRAM, *args, cwd=folder, DISPLAY=None)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("wrote report.html\n")
    return Page(folder / "report.html")


def picture(uri: str) -> Image.Image:
    start, data = uri.split(",")
    assert start == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize("program", ["mnist_mlp", "mnist_cnn", "mnist_attention_pool"])
def test_page(program: str, runs: dict[str, Run], tmp_path: Path) -> None:
    """Everything in the page is computed here again, from the probabilities."""
    data = small_mnist(tmp_path / "data", 2000)
    page = make(tmp_path, runs[program].model, "--data-dir", data, "--log", runs[program].log)
    images, labels = read_dataset(data, "t10k")
    probs = probabilities(load_model(runs[program].model), images / 255)
    predictions, confidence = probs.argmax(axis=1), probs.max(axis=1)
    right = predictions == labels

    assert page.texts["accuracy"] == f"{100 * right.mean():.2f} %"
    loss = -np.log(probs[np.arange(len(labels)), labels]).mean()
    assert float(page.texts["loss"]) == pytest.approx(loss, abs=6e-5)
    assert page.texts["mistakes"] == f"{(~right).sum():,}"
    bins = np.ceil(confidence * 15)
    error = sum(abs((right * 1.0 - confidence)[bins == m].sum()) for m in range(1, 16)) / len(labels)
    assert page.texts["calibration-error"] == f"{100 * error:.2f} %"

    for digit, row in enumerate(page.tables["classes"][1:]):
        both = (labels == digit) & (predictions == digit)
        predicted, labelled = (predictions == digit).sum(), (labels == digit).sum()
        precision = f"{100 * both.sum() / predicted:.2f} %" if predicted else "-"
        recall, f1 = both.sum() / labelled, 2 * both.sum() / (predicted + labelled)
        assert row == [str(digit), str(labelled), precision, f"{100 * recall:.2f} %", f"{100 * f1:.2f} %"]
    label, prediction, count = map(int, page.tables["confusions"][1])
    others = [(a, b) for a in range(10) for b in range(10) if a != b]
    pairs = {(a, b): ((labels == a) & (predictions == b)).sum() for a, b in others}
    assert count == max(pairs.values()) == pairs[label, prediction]
    assert page.tables["metadata"][1] == ["program", program]

    digits = [alt for alt in page.alts if alt.startswith("image ")]
    found = [tuple(map(int, re.findall(r"\d+", alt))) for alt in digits]
    assert found == [(i, labels[i], predictions[i]) for i, *_ in found] and len(set(found)) == len(found) > 48
    usual = np.array([probs[labels == digit, digit].mean() for digit in range(10)])
    suspects = [i for i in np.flatnonzero(~right) if confidence[i] >= usual[predictions[i]]]
    shown = sorted(suspects, key=lambda i: -confidence[i])[:48]
    assert [i for i, *_ in found][: len(shown)] == shown
    assert f"{len(shown)} of {len(suspects):,}," in (tmp_path / "report.html").read_text()


def test_page_stands_alone(runs: dict[str, Run], tmp_path: Path) -> None:
    """All pictures are in it, those of figures for light and for dark; a gallery shows the image itself."""
    data, run = small_mnist(tmp_path / "data", 500), runs["mnist_cnn"]
    page = make(tmp_path, run.model, "--data-dir", data, "--log", run.log)
    pictures = [picture(uri) for uri in page.sources]
    figures = [image.convert("RGB") for image in pictures if image.width > 100]
    assert [image.getpixel((0, 0)) == (255, 255, 255) for image in figures] == [False, True] * 4
    assert all(len(image.getcolors(1 << 20)) > 20 for image in figures)
    text = (tmp_path / "report.html").read_text()
    assert "http" not in text and "@import" not in text and "url(" not in text and "<script" not in text
    assert "prefers-color-scheme: dark" in text and "@media print" in text
    images, _ = read_dataset(data, "t10k")
    index = int(next(alt for alt in page.alts if alt.startswith("image ")).split()[1].rstrip(":"))
    first = next(image for image in pictures if image.size == (28, 28))
    np.testing.assert_array_equal(255 - np.asarray(first), images[index])


def test_without_a_log_there_are_no_curves(tmp_path: Path) -> None:
    page = make(tmp_path, write_mlp(tmp_path / "a.bin"), "--data-dir", small_mnist(tmp_path / "data", 50))
    assert "Loss and accuracy by epoch" not in page.alts
    assert "Confusion matrix: labels by predictions" in page.alts


def test_without_mistakes_there_is_no_table_of_them(tmp_path: Path) -> None:
    """A model that says 0 to everything, and data in which that is right."""
    data = small_mnist(tmp_path / "data", 50)
    write_idx(data / "t10k-labels.idx1-ubyte", np.zeros(50))
    page = make(tmp_path, write_mlp(tmp_path / "zeros.bin"), "--data-dir", data)
    assert "confusions" not in page.tables and page.tables["classes"][1][:2] == ["0", "50"]


def test_other_data(tmp_path: Path) -> None:
    """Another size and number of classes, names and settings in the metadata, strange characters."""
    data = random_images(tmp_path / "data", 12, 47, count=100)
    names = [f"<{i}> & é" for i in range(47)]
    metadata = {
        "class_names": json.dumps(names),
        "options": '{"epochs": 3, "augment": "none"}',
        "note": "<b>",
    }
    model = random_model(cnn((12, 12), 3, 5, 47))
    save_model(tmp_path / "a.safetensors", replace(model, metadata=metadata))
    page = make(tmp_path, "a.safetensors", "--data-dir", data)
    assert [row[0] for row in page.tables["classes"][1:]] == names
    assert page.tables["settings"][1:] == [["epochs", "3"], ["augment", "none"]]
    assert ["note", "<b>"] in page.tables["metadata"]
    (tmp_path / "names.txt").write_text("\n".join(f"class {i}" for i in range(47)))
    report = make_report(tmp_path / "a.safetensors", data, class_names=tmp_path / "names.txt")
    assert report.names == [f"class {i}" for i in range(47)]


def test_class_names_are_no_formulas(tmp_path: Path) -> None:
    metadata = {"class_names": json.dumps([rf"$\bad{i}$" for i in range(10)])}
    for network in (mlp(784, [], 10), ATTENTION):
        save_model(tmp_path / "a.safetensors", replace(random_model(network), metadata=metadata))
        html_of(make_report(tmp_path / "a.safetensors", small_mnist(tmp_path / "data", 30)))


def test_paths_that_are_not_utf8(tmp_path: Path) -> None:
    data = small_mnist(tmp_path / "data", 20)
    write_mlp(tmp_path / "\udcff.bin")
    result = run_tool(PROGRAM, "\udcff.bin", "--data-dir", data, "--output", "\udcff.html", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("wrote \\udcff.html\n")
    assert "<h1>?.bin</h1>" in (tmp_path / "\udcff.html").read_text()


def test_the_page_replaces_nothing_that_is_read(tmp_path: Path) -> None:
    model, data = write_mlp(tmp_path / "a.bin"), small_mnist(tmp_path / "data", 20)
    log, names = tmp_path / "log.txt", tmp_path / "names.txt"
    log.write_text(GOOD_LOG)
    names.write_text("".join(f"{i}\n" for i in range(10)))
    files = (model, "--data-dir", data, "--log", log, "--class-names", names)
    for path in (model, log, names, data / "t10k-labels.idx1-ubyte"):
        before = path.read_bytes()
        said = error_line(run_tool(PROGRAM, *files, "--output", path, cwd=tmp_path), PROGRAM)
        assert said == f"{path}: is read, too, and would be lost, expected another file to write to"
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("layers", "titles"),
    [
        ((Flatten(), Dense(50), Dense(10)), ["First-layer weights of the 36 strongest of 50 units"]),
        ((MaxPool(2), Dense(10)), ["First-layer weights of the 10 strongest of 10 units"]),
        ((Residual((Conv(5, 3), Relu(), Conv(1, 3))), Dense(10)), ["The 5 filters of the first layer"]),
        ((Patches(7, 4), Residual((Attention(2, True),)), Mean(), Dense(10)), [MAPS]),
        (
            (Conv(4, 3, 1, True), Patches(13, 4), Attention(2), Mean(), Dense(10)),
            ["The 4 filters of the first layer", MAPS],
        ),
        ((GlobalAvgPool(), Dense(10)), []),
    ],
)
def test_inside_the_network(layers: tuple[Layer, ...], titles: list[str]) -> None:
    """First-layer weights on pixels, and attention, of whatever chain has them."""
    model = random_model(Model(input=(28, 28), layers=layers))
    images = np.random.default_rng(1).random((4, 28, 28))
    figure = Figure(layout="constrained")
    draw_inside(figure, model, images, list("0123"), LIGHT)
    figure.draw_without_rendering()
    axes = [axes for part in figure.subfigs for axes in part.axes]
    assert [one.get_title(loc="left") for one in axes if one.get_title(loc="left")] == titles
    assert bool(titles) != any("nothing to draw" in text.get_text() for text in figure.texts)


def test_weights_of_the_first_layer() -> None:
    """Of a dense layer the strongest units first, as pictures; of a convolution each filter."""
    model = random_model(mlp(6, [(3, "relu", 0)], 2))
    model.tensors["dense1.weight"][:] = np.arange(6)[:, None] * [1, 3, 2]
    tiles, _ = first_weights(model, (2, 3))
    assert tiles.tolist() == [[[0, 3, 6], [9, 12, 15]], [[0, 2, 4], [6, 8, 10]], [[0, 1, 2], [3, 4, 5]]]
    model = random_model(cnn((4, 4), 2, 3, 2))
    np.testing.assert_array_equal(first_weights(model, (4, 4))[0], model.tensors["conv1.weight"][:, 0])
    assert first_weights(random_model(ATTENTION), (28, 28)) is None


@pytest.mark.parametrize("options", ["{", "[]", "[" * 100_000])
def test_settings_of_another_form_are_left_out(options: str, tmp_path: Path) -> None:
    model = replace(random_model(mlp(784, [], 10)), metadata={"options": options})
    save_model(tmp_path / "a.safetensors", model)
    text = html_of(make_report(tmp_path / "a.safetensors", small_mnist(tmp_path / "data", 30)))
    assert 'id="metadata"' in text and 'id="settings"' not in text


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    def said(model: Path, data: Path = DATA, **files: Path) -> str:
        with pytest.raises(InputError) as caught:
            make_report(model, data, **files)
        return str(caught.value)

    model, small = write_mlp(tmp_path / "a.bin"), write_mlp(tmp_path / "small.bin", inputs=9)
    expected = "9 pixels an image, as the network takes (dense 3, relu, dense 10)"
    assert said(small) == f"{DATA}: images of 28 x 28 pixels, expected {expected}"
    five = write_mlp(tmp_path / "five.bin", outputs=5)
    assert said(five) == f"{DATA}: the label 9, expected labels from 0 to 4, as the network predicts"
    wide = tmp_path / "wide.safetensors"
    save_model(wide, random_model(cnn((14, 56), 1, 3, 10)))
    expected = "14 x 56 pixels an image, as the network takes (conv 1 3x3, relu, max-pool 2, dense 10)"
    assert said(wide) == f"{DATA}: images of 28 x 28 pixels, expected {expected}"
    assert said(model, Path("none")).startswith("none: no such folder, expected t10k-images")
    names = tmp_path / "names.txt"
    names.write_text("a\nb\n")
    assert said(model, class_names=names) == f"{names}: 2 names, expected 10, one for each class"
    data = small_mnist(tmp_path / "data", 20)
    assert said(model, data, log=Path("none")) == "none: no such file or directory, expected a training log"


def test_errors_are_one_line(tmp_path: Path) -> None:
    def said(*args: object, status: int = 1) -> str:
        return error_line(run_tool(PROGRAM, *args, cwd=tmp_path, DISPLAY=None), PROGRAM, status)

    assert said("no.bin").startswith("no.bin: no such file, expected a trained model; make it with: ")
    assert "MODEL" in said(status=2)
    files = (write_mlp(tmp_path / "a.bin"), "--data-dir", small_mnist(tmp_path / "data", 20))
    assert said(*files, "--output", "a.bin/r.html").startswith("a.bin/r.html: cannot be written")


def test_help(tmp_path: Path) -> None:
    result = run_tool(PROGRAM, "--help", cwd=tmp_path)
    options = ("--data-dir", "--log", "--class-names", "--transpose", "--output")
    assert result.returncode == 0 and all(option in result.stdout for option in options)
