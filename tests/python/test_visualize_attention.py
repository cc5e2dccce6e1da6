"""tools/visualize_attention.py: the maps are the model's own attention, and the picture shows them."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from common.errors import InputError
from common.idx import read_dataset
from common.pictures import read_grey
from common.preparation import Preparation
from conftest import Run
from figures.attention import draw_map
from models import Model, load_model, save_model
from models.attention_maps import AttentionMaps, attention_layers, attention_maps
from models.layers import Attention, Conv, Dense, LayerNorm, Mean, Patches, Residual
from models.old_networks import attention_pool
from networks import OTHER_NETWORKS, random_model
from recognizer.native import prepare_picture
from support import DATA, error_line, run_tool, small_mnist, write_mlp
from visualize_attention import (
    check_places,
    draw_attention,
    load_attention_model,
    read_picture,
    show,
)

PROGRAM = "visualize_attention"
TWO_HEADS = attention_pool((28, 28), 7, 8, 6, 10, heads=2, position="learned")
TWO_LAYERS = Model(
    input=(28, 28),
    layers=(
        *(Conv(2, 3, valid=True), Patches(13, 6), Residual((LayerNorm(), Attention(2)))),
        *(Residual((Residual((LayerNorm(),)), Attention(3, projection=True))), Mean(), Dense(10)),
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of 4x4 patches and two heads, and a few digits."""
    save_model(tmp_path / "two.safetensors", random_model(TWO_HEADS))
    small_mnist(tmp_path / "data", 20)
    return tmp_path


def draw_one(path: Path) -> None:
    picture = Image.new("L", (60, 90), 255)
    picture.paste(0, (28, 20, 34, 70))
    picture.save(path)


def run(folder: Path, *args: object) -> str:
    result = run_tool(PROGRAM, *args, cwd=folder, DISPLAY=None)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def attention_by_hand(model: Model, picture: np.ndarray) -> np.ndarray:
    """softmax(q k^T / sqrt(D / N)), one query and one key at a time: (N, S, S)."""
    t = model.tensors
    names = ("query.weight", "query.bias", "key.weight", "key.bias")
    wq, bq, wk, bk = (t[f"attention1.{name}"] for name in names)
    patches = [picture[r : r + 7, c : c + 7].ravel() for r in range(0, 28, 7) for c in range(0, 28, 7)]
    sums = [x @ t["patches1.weight"] + t["patches1.bias"] for x in patches]
    tokens = [np.maximum(x + place, 0) for x, place in zip(sums, t["position1.table"], strict=True)]
    weights = np.zeros((2, 16, 16))
    for head in range(2):
        part = slice(head * 4, (head + 1) * 4)
        for i, query in enumerate(tokens):
            q = (query @ wq + bq)[part]
            e = [math.exp(q @ (key @ wk + bk)[part] / 2) for key in tokens]
            weights[head, i] = np.array(e) / sum(e)
    return weights


def test_maps_are_the_models_attention() -> None:
    model, picture = random_model(TWO_HEADS), read_dataset(DATA, "t10k")[0][0] / 255
    maps, weights = attention_maps(model, picture), attention_by_hand(random_model(TWO_HEADS), picture)
    np.testing.assert_allclose(maps.weights, weights, rtol=1e-5)
    np.testing.assert_allclose(maps.of_query(2, 1), 16 * weights[:, 9].reshape(2, 4, 4), rtol=1e-5)
    for row, column in np.ndindex(4, 4):
        received = weights[:, :, 4 * row + column].mean(axis=1) * 16
        entropy = [-sum(w * math.log2(w) for w in head[4 * row + column]) for head in weights]
        np.testing.assert_allclose(maps.received[:, row, column], received, rtol=1e-5)
        np.testing.assert_allclose(maps.entropy[:, row, column], entropy, rtol=1e-5)
    assert maps.max_entropy == 4


def test_maps_of_every_attention_layer() -> None:
    """Also in residuals, and where patches are of a convolution's maps; without queries it is even."""
    model, picture = random_model(TWO_LAYERS), np.random.default_rng(1).random((28, 28))
    first, second = attention_maps(model, picture), attention_maps(model, picture, 2)
    assert (first.weights.shape, second.weights.shape, first.grid) == ((2, 4, 4), (3, 4, 4), (2, 2))
    assert len(attention_layers(model)) == 2 and len(first.decided_queries(3)) == 3
    for number, maps in ((1, first), (2, second)):
        np.testing.assert_allclose(maps.weights.sum(axis=2), 1)
        zeros = {n: 0 * t for n, t in model.tensors.items() if n.startswith(f"attention{number}.query")}
        even = replace(model, tensors={**model.tensors, **zeros})
        np.testing.assert_allclose(attention_maps(even, picture, number).weights, 1 / 4)
        assert maps.weights.std() > 0.001
    figure = Figure()
    draw_map(figure.subplots(), first, first.received[0])


def test_decided_queries_have_ink_and_little_entropy() -> None:
    """Four patches: the first without ink and decided, the last undecided."""
    picture = np.repeat(np.repeat([[0.0, 1.0], [1.0, 0.9]], 2, axis=0), 2, axis=1)
    weights = np.array([[[1, 0, 0, 0], [0.9, 0.1, 0, 0], [1, 0, 0, 0], [0.25] * 4]])
    maps = AttentionMaps(picture, weights, (2, 2))
    assert maps.decided_queries(3) == [(1, 0), (0, 1), (1, 1)]
    assert maps.entropy[0].tolist()[1] == [0, 2]
    empty = AttentionMaps(np.zeros((4, 4)), weights, (2, 2))
    assert empty.decided_queries(2) == [(0, 0), (1, 0)]


def test_lines_tell_the_numbers(runs: dict[str, Run], tmp_path: Path) -> None:
    """Of a trained model, for the first test digits."""
    model_path = runs["mnist_attention_pool"].model
    *lines, wrote = run(tmp_path, model_path).splitlines()
    assert wrote == "wrote attention_maps.png" and len(lines) == 3
    images, model = read_dataset(DATA, "t10k")[0], load_model(model_path)
    for i, line in enumerate(lines):
        maps = attention_maps(model, images[i] / 255)
        row, column = divmod(int(maps.received[0].argmax()), 7)
        assert re.search(rf"t10k-images.*:{i}: \d \(\d+\.\d %\); head 0: ", line)
        assert line.endswith(
            f"most looked at {row},{column} ({maps.received.max():.1f} x the mean),"
            f" entropy {maps.entropy.mean():.2f} of {math.log2(49):.2f} bits"
        )
    with Image.open(tmp_path / "attention_maps.png") as picture:
        assert picture.width > 1000 and picture.height > 700
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 100


def test_what_is_drawn(folder: Path) -> None:
    """A row for each head of each picture; the maps drawn are the values, over the whole picture."""
    model = load_model(folder / "two.safetensors")
    index = next((folder / "data").glob("t10k-images*"))
    shown = [show(model, f"{index}:{i}") for i in (3, 4)]
    figure = Figure()
    draw_attention(figure, shown, range(2), [(3, 2), (0, 0)])
    assert len(figure.axes) == 4 * 5
    for i, one in enumerate(shown):
        for head in range(2):
            row = figure.axes[5 * (2 * i + head) : 5 * (2 * i + head + 1)]
            maps = [axes.images[0].get_array() for axes in row]
            assert row[0].get_title() == f"{one.prediction}, head {head}"
            np.testing.assert_array_equal(maps[0], one.maps.picture)
            np.testing.assert_array_equal(maps[1], one.maps.received[head])
            np.testing.assert_array_equal(maps[2], one.maps.entropy[head])
            np.testing.assert_array_equal(maps[3], one.maps.of_query(3, 2)[head])
            assert row[3].patches[0].get_bbox().bounds == (14, 21, 7, 7)
            assert all(axes.images[0].get_extent() == [0, 28, 28, 0] for axes in row[1:])


def test_names_are_no_formulas(folder: Path) -> None:
    names = json.dumps([rf"$\bad{i}$" for i in range(10)])
    save_model(folder / "a.safetensors", replace(random_model(TWO_HEADS), metadata={"class_names": names}))
    draw_one(folder / r"$\bad$.png")
    assert run(folder, "a.safetensors", r"$\bad$.png").startswith(r"$\bad$.png: $\bad")


def test_the_picture_replaces_nothing_that_is_read(folder: Path) -> None:
    draw_one(folder / "one.png")
    before = (folder / "one.png").read_bytes()
    result = run_tool(PROGRAM, "two.safetensors", "one.png", "--output", folder / "one.png", cwd=folder)
    assert error_line(result, PROGRAM).startswith(f"{folder / 'one.png'}: is read, too, and would be lost")
    assert (folder / "one.png").read_bytes() == before


def test_heads_queries_and_pictures(folder: Path) -> None:
    """A drawn picture is prepared; fewer heads and more queries change the picture's size."""
    draw_one(folder / "one.png")
    prepared = prepare_picture(read_grey(folder / "one.png"), Preparation(), (28, 28))[0] / 255
    np.testing.assert_array_equal(read_picture(str(folder / "one.png"), TWO_HEADS), prepared)
    sizes = []
    for options in ([], ["--head", 1], ["--head", 1, "--query", "0,0", "--query", "3,3", "--query", "1,2"]):
        options += ["--query", "2,2"] if len(options) > 2 else []
        lines = run(folder, "two.safetensors", "one.png", *options).splitlines()
        assert ("head 0" in lines[0]) == (not options) and "head 1" in lines[0]
        with Image.open(folder / "attention_maps.png") as picture:
            sizes.append(picture.size)
    assert sizes[0][0] == sizes[1][0] < sizes[2][0] and sizes[0][1] > sizes[1][1] == sizes[2][1]
    run(folder, "two.safetensors", "one.png", "--output", "maps.svg")
    save_model(folder / "layers.safetensors", random_model(TWO_LAYERS))
    lines = [run(folder, "layers.safetensors", "one.png", "--layer", n).splitlines()[0] for n in (1, 2)]
    assert "head 2" not in lines[0] and "head 2" in lines[1]
    assert (folder / "maps.svg").read_bytes().startswith(b"<?xml")


def message(function: Callable[..., object], *args: object) -> str:
    with pytest.raises(InputError) as caught:
        function(*args)
    return str(caught.value)


def test_models_layers_patches_and_heads_that_are_not_there(tmp_path: Path) -> None:
    path = write_mlp(tmp_path / "mlp.bin")
    expected = "expected a model with an attention layer, such as mnist_attention_pool's"
    said = message(load_attention_model, path)
    assert said == f"{path}: a network without attention (dense 3, relu, dense 10), {expected}"
    for query, text in (((4, 0), "4,0"), ((0, 4), "0,4")):
        said = message(check_places, TWO_HEADS, 1, [(3, 3), query], None)
        assert said == f"--query: {text}, expected at most 3,3"
    for head in (2, -1):
        said = message(check_places, TWO_HEADS, 1, [], head)
        assert said == f"--head: {head}, expected a number from 0 to 1"
    assert message(check_places, TWO_LAYERS, 3, [], None) == "--layer: 3, expected a number from 1 to 2"
    assert message(check_places, TWO_LAYERS, 2, [], 3) == "--head: 3, expected a number from 0 to 2"


def test_pictures_that_cannot_be_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    Image.new("L", (30, 30), 255).save("empty.png")
    images = next(Path("data").glob("t10k-images*"))
    for name, said in [
        ("empty.png", "empty.png: an empty picture, expected a drawing"),
        ("no.png", "no.png: no such file or directory, expected a PNG, JPEG or other picture file"),
        (f"{images}:20", f"{images}:20: image 20 of 20, expected one from 0 to 19"),
        ("none:3", "none: no such file or directory, expected an IDX file of images"),
    ]:
        assert message(read_picture, name, TWO_HEADS) == said
    draw_one(folder / "one.png")
    other = OTHER_NETWORKS["transformer"]
    expected = f"expected 6 x 9 pixels an image, as the network takes ({other.summary})"
    for name, what in (("one.png", "a picture, prepared,"), (f"{images}:1", "an image")):
        assert message(read_picture, name, other) == f"{name}: {what} of 28 x 28 pixels, {expected}"


def test_errors_are_one_line(folder: Path) -> None:
    def said(*args: object, status: int = 1) -> str:
        return error_line(run_tool(PROGRAM, *args, cwd=folder, DISPLAY=None), PROGRAM, status)

    found = said("two.safetensors", "--query", "here", status=2)
    assert found == "--query: found 'here', expected a row and a column, such as 3,2 (see --help)"
    assert said("two.safetensors", "--data-dir", "none").startswith("none: no such folder, expected t10k-images")
    assert said("two.safetensors", "--output", "data/t10k-images.idx3-ubyte/a.png").startswith("data/t10k")
    assert not list(folder.glob("*maps*"))


def test_help(tmp_path: Path) -> None:
    result = run_tool(PROGRAM, "--help", cwd=tmp_path)
    options = ("--layer", "--query", "--head", "--output", "--data-dir", "IMAGE")
    assert result.returncode == 0 and all(option in result.stdout for option in options)
