"""What the recognizer does, without its window: predictions, models, pictures, samples."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError, ModelError
from common.idx import find, read_images
from conftest import Run
from drawing.strokes import PEN, Content
from drawing.ten_digits import digit_strokes
from models import Model, save_model
from networks import constant_model, recognizer_of
from recognizer.native import Recognizer, load_recognizer
from recognizer.samples import EXPECTED, read_drawing, save_sample
from recognizer.session import Session, models_in
from support import run_tool, write_mlp

ONE = [[(140.0, 40.0), (138.0, 240.0)]]
GARMENTS = ["T-shirt/top", "..", "Bag", "a", "b", "c", "d", "e", "f", "g"]


def session_of(*models: Model | Recognizer, threshold: float | None = None) -> Session:
    recognizers = (model if isinstance(model, Recognizer) else recognizer_of(model) for model in models)
    return Session({Path(f"{i}.bin"): recognizer for i, recognizer in enumerate(recognizers)}, threshold)


SURE = constant_model([0.001, 0.9, 0.05, 0.02, 0.014, 0.01, 0.002, 0.001, 0.001, 0.001])
UNSURE = constant_model([0.19, 0.08, 0.08, 0.30, 0.25, 0.02, 0.02, 0.02, 0.02, 0.02])


def test_predictions_in_words() -> None:
    sure, unsure = (recognizer_of(model).strokes(ONE, PEN) for model in (SURE, UNSURE))
    assert (sure.label, sure.prediction) == (1, "1")
    assert sure.describe() == "1 (90.0 %), then 2 (5.0 %), 3 (2.0 %)"
    assert (unsure.label, unsure.prediction) == (None, "not sure")
    assert unsure.describe() == "not sure: 3 (30.0 %), 4 (25.0 %), 0 (19.0 %)"


def test_the_threshold_holds_for_all_models(tmp_path: Path) -> None:
    session = session_of(UNSURE, threshold=0.29)
    session.drawing.put(Content(ONE))
    assert session.question().recognitions()[0].label == 3
    save_model(tmp_path / "new.safetensors", UNSURE)
    session.open_model(tmp_path / "new.safetensors")
    assert session.question().recognitions()[0].label == 3


def test_equal_probabilities_come_in_the_order_of_the_classes() -> None:
    found = recognizer_of(constant_model([0.1] * 10)).strokes(ONE, PEN)
    assert [name for name, _ in found.likeliest(10)] == [str(digit) for digit in range(10)]


def test_a_network_is_not_asked_about_non_digits() -> None:
    blot = [[(140, 40), (140, 240)], [(60, 40), (60, 240)]]
    for strokes, said in (([], "nothing drawn"), ([[(5, 5)]], "too small"), (blot, "not a single digit")):
        found = recognizer_of(SURE).strokes(strokes, PEN)
        assert found.describe() == found.prediction == said
        assert found.label is None and found.probabilities is None and found.likeliest(3) == []


def test_names_of_classes() -> None:
    probs = [0.9, *[0.1 / 9] * 9]
    assert recognizer_of(constant_model(probs, GARMENTS)).strokes(ONE, PEN).prediction == "T-shirt/top"


def test_session_asks_one_model_or_two() -> None:
    session = session_of(SURE, UNSURE)
    session.drawing.put(Content(ONE))
    assert [each.prediction for each in session.question().recognitions()] == ["1"]
    session.compare(True)
    assert [each.prediction for each in session.question().recognitions()] == ["1", "not sure"]
    session.choose(1, Path("0.bin"))
    session.choose(0, Path("1.bin"))
    assert [each.prediction for each in session.question().recognitions()] == ["not sure", "1"]
    session.compare(False)
    assert session.asked == [Path("1.bin")]


def test_comparing_the_only_model_with_itself() -> None:
    session = session_of(SURE)
    session.compare(True)
    assert session.asked == [Path("0.bin")] * 2


def test_a_question_stays_when_the_drawing_goes_on() -> None:
    session = session_of(SURE)
    session.drawing.press(140, 40)
    before = session.question()
    session.drawing.move(140, 240)
    session.drawing.release()
    recognitions = [question.recognitions()[0] for question in (before, session.question())]
    assert [each.prediction for each in recognitions] == ["too small", "1"]


def test_a_click_with_a_trembling_hand_is_too_small() -> None:
    session = session_of(SURE)
    session.drawing.put(Content([[(5, 5), (5 + PEN - 1, 5)]]))
    assert session.question().recognitions()[0].prediction == "too small"


def test_models_of_a_folder(tmp_path: Path) -> None:
    write_mlp(tmp_path / "b.bin")
    save_model(tmp_path / "a.safetensors", SURE)
    write_mlp(tmp_path / "xor.bin", 2, 4, 2)
    (tmp_path / "text.bin").write_text("no model")
    write_mlp(tmp_path / "other.dat")
    assert [path.name for path in models_in(tmp_path)] == ["a.safetensors", "b.bin"]


def test_open_model(tmp_path: Path) -> None:
    session, path = session_of(UNSURE), tmp_path / "new.safetensors"
    with pytest.raises(ModelError, match="no such file"):
        session.open_model(path)
    assert list(session.models) == session.asked == [Path("0.bin")]
    for model in (UNSURE, SURE):  # read again when it is opened again
        save_model(path, model)
        session.open_model(path)
    session.drawing.put(Content(ONE))
    assert session.asked == [path] and session.question().recognitions()[0].prediction == "1"


def test_open_a_picture(runs: dict[str, Run], tmp_path: Path) -> None:
    grey = np.full((200, 100), 230, np.uint8)
    grey[40:160, 45:55] = 30
    Image.fromarray(grey).save(tmp_path / "one.png")
    session = session_of(load_recognizer(runs["mnist_cnn"].model))
    session.open_drawing(tmp_path / "one.png")
    (recognition,) = session.question().recognitions()
    assert session.drawing.strokes == [] and recognition.prediction == "1"
    with pytest.raises(InputError, match="no such file"):
        session.open_drawing(tmp_path / "none.png")
    assert session.drawing.content.picture is not None


def test_a_sample_is_what_the_network_sees_and_what_the_hand_did(tmp_path: Path) -> None:
    session = session_of(SURE)
    session.drawing.put(Content(digit_strokes(5, 60, 40, 180)))
    path = session.save_sample(tmp_path / "samples", 5)
    assert path.parent == tmp_path / "samples" / "5"
    assert json.loads(path.with_suffix(".json").read_text())["label"] == "5"
    with Image.open(path) as picture:
        seen = session.question().recognitions()[0].picture
        np.testing.assert_array_equal(np.asarray(picture), seen)
    reader = session_of(SURE)
    reader.open_drawing(path.with_suffix(".json"))
    for stroke, again in zip(session.drawing.strokes, reader.drawing.strokes, strict=True):
        np.testing.assert_allclose(again, stroke, atol=0.0051)


def test_samples_become_a_data_set(tmp_path: Path) -> None:
    recognizer = recognizer_of(SURE)
    pictures = [recognizer.strokes(digit_strokes(digit, 60, 40, 180), PEN).picture for digit in (1, 1, 8, 8)]
    for label, picture in zip("1188", pictures, strict=True):
        save_sample(tmp_path / "drawings", label, picture, [])
    result = run_tool("make_idx", "drawings", "data", "--test-fraction", "0.5", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    images = read_images(find(tmp_path / "data", "train-images", 3))
    _, one, eight, _ = pictures
    assert any((image == one).all() for image in images) and any((image == eight).all() for image in images)
    assert not list((tmp_path / "drawings").glob("*/*.json"))


def test_a_class_name_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    session = session_of(constant_model([0.1] * 10, GARMENTS))
    session.drawing.put(Content(ONE))
    folders = [session.save_sample(tmp_path / "samples", label).parent for label in range(3)]
    assert folders == [tmp_path / "samples" / name for name in ("T-shirt-top", "-", "Bag")]


def test_nothing_is_no_sample(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="^sample: nothing drawn, expected a drawing$"):
        session_of(SURE).save_sample(tmp_path / "samples", 1)
    assert not (tmp_path / "samples").exists()


def test_a_sample_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "samples").write_text("a file in the way")
    with pytest.raises(InputError, match=r"samples/7/.*: cannot be written \(not a directory\), expected "):
        save_sample(tmp_path / "samples", "7", np.zeros((28, 28), np.uint8), [])


def test_another_size_of_canvas(tmp_path: Path) -> None:
    (tmp_path / "drawing.json").write_text('{"size": 2.8, "strokes": [[[0, 0], [1, 2]]]}')
    np.testing.assert_allclose(read_drawing(tmp_path / "drawing.json").strokes, [[(0, 0), (100, 200)]])


NOT_SUCH = "not such a drawing"
NO_PLACE = "a stroke without points or with a coordinate that is not finite"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", NOT_SUCH),
        ("[]", NOT_SUCH),
        ('{"strokes": []}', NOT_SUCH),
        ('{"size": 0, "strokes": []}', NOT_SUCH),
        ('{"size": 280, "strokes": [[1, 2]]}', NOT_SUCH),
        ('{"size": 280, "strokes": [[[1, 2, 3]]]}', NOT_SUCH),
        ('{"size": 280, "strokes": [["ab"]]}', NOT_SUCH),
        ("[" * 100_000, NOT_SUCH),
        ('{"size": 280, "strokes": [[]]}', NO_PLACE),
        ('{"size": 280, "strokes": [[[1, NaN]]]}', NO_PLACE),
    ],
)
def test_bad_drawings(text: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "drawing.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_drawing(path)
    assert str(caught.value) == f"{path}: {found}, expected {EXPECTED}"


def test_a_drawing_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or directory"):
        read_drawing(tmp_path / "none.json")
