"""The recognizer through ctypes: the same as the programs' predict, and a line for what goes wrong."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError, ModelError
from common.idx import read_dataset
from common.preparation import Kind, Preparation
from conftest import Run
from drawing.strokes import PEN
from drawing.ten_digits import digit_strokes
from models import load_model, probabilities
from models.attention_maps import attention_maps
from models.old_networks import attention_pool, cnn, mlp
from networks import constant_model, random_model, recognizer_of
from recognizer import native
from recognizer.native import RecognizerError, Status, load_recognizer, prepare_picture
from support import DATA, MNIST_PROGRAMS, error_line, run_program, run_tool, write_mlp

ONE = [[(140.0, 40.0), (138.0, 240.0)]]
DRAWINGS, WHOLE = Preparation(Kind.DRAWINGS, single=True), Preparation(Kind.PICTURES, invert=True)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Test digits, large, dark on white, in files."""
    folder, pictures = tmp_path_factory.mktemp("pictures"), {}
    for i, digit in enumerate(read_dataset(DATA, "t10k")[0][:20]):
        picture = Image.fromarray(255 - digit).resize((90 + i, 120 - i))
        picture.save(folder / f"{i}.png")
        pictures[str(folder / f"{i}.png")] = np.asarray(picture)
    return pictures


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_it_is_what_predict_says(
    program: str, runs: dict[str, Run], pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """To the bit, one picture at a time; and what numpy makes of the same image, as floats are."""
    recognizer, model = load_recognizer(runs[program].model), load_model(runs[program].model)
    for path, grey in pictures.items():
        done = run_program(program, "predict", runs[program].model, path, "--json", cwd=tmp_path)
        said, found = json.loads(done.stdout), recognizer.picture(grey)
        assert (said["class"], said["name"] or said["status"]) == (found.label, found.prediction)
        if found.probabilities is None:
            assert said["top"] == []
            continue
        for top in said["top"]:
            assert np.float32(top["confidence"]) == found.probabilities[top["class"]]
        np.testing.assert_allclose(found.probabilities, probabilities(model, found.picture / 255)[0], atol=1e-4)


def test_what_is_known_of_a_model(runs: dict[str, Run]) -> None:
    recognizer = load_recognizer(runs["mnist_attention_pool"].model)
    assert recognizer.class_names == [*"0123456789"] and recognizer.size == (28, 28)
    assert recognizer.preparation == "digits" and recognizer.threshold == 0.4 and recognizer.has_attention
    assert recognizer.network.startswith("patches 4 64, ")
    assert not load_recognizer(runs["mnist_mlp"].model).has_attention


def test_the_threshold_is_its_own() -> None:
    one, other = (recognizer_of(constant_model([0.5, 0.3, 0.2])) for _ in range(2))
    one.threshold = 0.6
    assert (one.strokes(ONE, PEN).prediction, other.strokes(ONE, PEN).prediction) == ("not sure", "0")
    with pytest.raises(RecognizerError, match="threshold: found 7.* expected a number from 0 to 1"):
        one.threshold = 7


def test_attention_is_the_model_s_own() -> None:
    model = random_model(attention_pool((28, 28), 7, 6, 5, 10, heads=2))
    found = recognizer_of(model).strokes(ONE, PEN, with_attention=True)
    expected = attention_maps(model, found.picture / 255).received.mean(axis=0)
    assert found.attention.shape == (4, 4) and found.attention.mean() == pytest.approx(1)
    np.testing.assert_allclose(found.attention, expected, rtol=1e-4)
    assert recognizer_of(model).strokes(ONE, PEN).attention is None
    assert recognizer_of(model).strokes([], PEN, with_attention=True).attention is None
    assert recognizer_of(constant_model([0.5, 0.5])).strokes(ONE, PEN, with_attention=True).attention is None


def test_drawings_for_other_models() -> None:
    """As they are prepared for a data set: centred, or the whole canvas."""
    two = digit_strokes(1, 40, 80, 80) + digit_strokes(7, 180, 80, 80)

    def model_of(preparation: Preparation):
        return recognizer_of(replace(constant_model([0.5, 0.3, 0.2]), metadata={"preparation": preparation.json}))

    assert model_of(DRAWINGS).strokes(ONE, PEN).prediction == "0"
    assert model_of(DRAWINGS).strokes(two, PEN).prediction == "not a single drawing"
    assert model_of(Preparation(Kind.DRAWINGS)).strokes(two, PEN).prediction == "0"
    seen = model_of(WHOLE).strokes(two, PEN)
    assert seen.prediction == "0"
    rows, columns = np.nonzero(seen.picture > 64)  # where it was, a tenth as large
    assert (rows.min(), rows.max()) == (7, 16) and (columns.min(), columns.max()) == (5, 23)
    assert model_of(WHOLE).strokes([], PEN).prediction == "nothing drawn"


def test_prepared_without_a_model(pictures: dict[str, np.ndarray], runs: dict[str, Run]) -> None:
    recognizer = load_recognizer(runs["mnist_mlp"].model)
    for grey in pictures.values():
        prepared, status = prepare_picture(grey, Preparation(), (28, 28))
        np.testing.assert_array_equal(prepared, recognizer.picture(grey).picture)
        assert status is Status.RECOGNIZED
    blank = np.full((50, 60), 200, np.uint8)
    assert prepare_picture(blank, DRAWINGS, (40, 40))[1] is Status.NOTHING_DRAWN
    assert (prepare_picture(blank, WHOLE, (5, 6))[0] == 55).all()
    with pytest.raises(RecognizerError, match="found 14 x 14 pixels, expected 28 x 28$"):
        prepare_picture(blank, Preparation(), (14, 14))


def test_any_thread_may_ask(runs: dict[str, Run]) -> None:
    recognizer = load_recognizer(runs["mnist_cnn"].model)
    drawings = [digit_strokes(digit, 60, 40, 180) for digit in range(10)]
    alone = [recognizer.strokes(strokes, PEN).probabilities for strokes in drawings]
    wrong = []

    def ask(first: int) -> None:
        for i in range(60):
            digit = (first + i) % 10
            found = recognizer.strokes(drawings[digit], PEN).probabilities
            if not np.array_equal(found, alone[digit]):
                wrong.append(digit)

    threads = [threading.Thread(target=ask, args=[first]) for first in (0, 3, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file, expected a trained model; make it with: tools/run.sh mnist_mlp --output "),
        (b"", "is empty, expected a model file"),
        (b"not a model, but a text that is long enough", "not a model file, or cut short"),
    ],
)
def test_bad_models(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_recognizer(path)
    assert str(caught.value).startswith(f"{path}: {said}") and "\n" not in str(caught.value)


@pytest.mark.parametrize("network", [cnn((12, 9), 3, 5, 4), mlp(108, [], 4)])
def test_a_model_that_no_picture_can_be_prepared_for(network, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected one for 28 x 28 pixels, or one that says how its pictures"):
        recognizer_of(random_model(network)).strokes([], PEN)


def test_weights_that_are_too_large(tmp_path: Path) -> None:
    recognizer = load_recognizer(write_mlp(tmp_path / "huge.bin", weight=3e38))
    with pytest.raises(RecognizerError, match="huge.bin: its predictions are NaN or infinite, expected a trained"):
        recognizer.strokes(ONE, PEN)


def test_a_library_that_is_not_built(tmp_path: Path) -> None:
    write_mlp(tmp_path / "mnist_model.bin")
    done = run_tool("digit_recognizer", "--image", "7.png", cwd=tmp_path, NN_BUILD_DIR=str(tmp_path))
    assert error_line(done, "digit_recognizer") == (
        f"{tmp_path}/libnn_recognizer.so: no such file, expected the recognizer; "
        "build it with: cmake --build build --target nn_recognizer"
    )


def test_a_library_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "libnn_recognizer.so"
    path.write_text("no library")
    monkeypatch.setattr(native, "LIBRARY", path)
    native._library.cache_clear()
    with pytest.raises(InputError, match=r"libnn_recognizer\.so: cannot be used \(.*, expected the recognizer;"):
        native._library()
    native._library.cache_clear()
