"""A folder of pictures becomes a data set: what is in it, that it trains, and what can be wrong."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.idx import read_dataset, read_images, read_labels
from drawing.painting import paint
from drawing.ten_digits import digit_strokes
from support import DATA, error_line, run_tool

PROGRAM = "make_idx"
PICTURES = ("--preparation", "pictures")
FILES = [f"{split}-{part}-ubyte" for split in ("t10k", "train") for part in ("images-idx3", "labels-idx1")]


def save(path: Path, grey: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey.astype(np.uint8)).save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three classes of 10, 5 and 2 pictures of 4 x 4 pixels; all pixels have the picture's own value."""
    folder = tmp_path / "pictures"
    for name, first, count in (("cat", 10, 10), ("dog", 50, 5), ("eel", 90, 2)):
        for value in range(first, first + count):
            save(folder / name / f"{value}.png", np.full((4, 4), value))
    (folder / "README.txt").write_text("not a class")
    (folder / "cat" / "notes.txt").write_text("not a picture")
    (folder / ".thumbnails").mkdir()
    return folder


def make(pictures: Path, *options: object) -> Path:
    """Runs the tool; the folder that it made."""
    output = pictures.parent / "made" / "data"
    result = run_tool(PROGRAM, pictures, output, *options, cwd=pictures.parent)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"wrote {output}: ")
    return output


def refusal(pictures: Path, *options: object, status: int = 1) -> str:
    output = pictures.parent / "made"
    said = error_line(run_tool(PROGRAM, pictures, output, *options, cwd=pictures.parent), PROGRAM, status)
    assert not [path for path in pictures.parent.rglob("*") if path.name.endswith((".tmp", "-ubyte"))]
    return said


def only_picture(folder: Path, *options: object) -> np.ndarray:
    """What becomes of the pictures in `folder`, which are all the same, scaled as they are."""
    images = read_images(make(folder, *PICTURES, *options) / "train-images-idx3-ubyte")
    assert (images == images[0]).all()
    return images[0]


def test_every_picture_is_in_it_once(pictures: Path) -> None:
    output = make(pictures, *PICTURES, "--size", 5)
    assert sorted(path.name for path in output.iterdir()) == ["class-names.txt", "preparation.json", *FILES]
    assert (output / "preparation.json").read_text() == '{"preparation":"pictures","invert":false}\n'
    assert (output / "class-names.txt").read_text() == "cat\ndog\neel\n"
    train_images, train_labels = read_dataset(output, "train")
    test_images, test_labels = read_dataset(output, "t10k")
    assert np.bincount(train_labels).tolist() == [8, 4, 1] and np.bincount(test_labels).tolist() == [2, 1, 1]
    images, labels = np.concatenate([train_images, test_images]), np.concatenate([train_labels, test_labels])
    assert images.shape == (17, 5, 5) and (images == images[:, :1, :1]).all()
    values = images[:, 0, 0]
    assert sorted(values) == [*range(10, 20), *range(50, 55), 90, 91]
    assert np.array_equal(labels, np.digitize(values, [50, 90]))
    assert len(set(train_labels[:8].tolist())) > 1  # shuffled


def test_the_seed_chooses(pictures: Path) -> None:
    def made(*options: object) -> list[bytes]:
        return [(make(pictures, *PICTURES, *options) / name).read_bytes() for name in FILES]

    assert made("--seed", 1) == made("--seed", 1) != made("--seed", 2)
    assert made() == made("--seed", 42, "--size", 28, "--test-fraction", 0.2)
    assert np.bincount(read_labels(make(pictures, *PICTURES, "--test-fraction", 0.5) / FILES[1])).tolist() == [5, 2, 1]


def test_gzip(pictures: Path) -> None:
    plain = read_dataset(make(pictures, *PICTURES), "train")
    for name in FILES:
        (pictures.parent / "made" / "data" / name).unlink()
    output = make(pictures, *PICTURES, "--gzip")
    named = ["class-names.txt", "preparation.json", *(f"{name}.gz" for name in FILES)]
    assert sorted(path.name for path in output.iterdir()) == named
    assert all(np.array_equal(a, b) for a, b in zip(plain, read_dataset(output, "train"), strict=True))


def test_numbers_are_in_the_order_of_their_values(tmp_path: Path) -> None:
    for name in ("10", "9", "0"):
        for i in range(2):
            save(tmp_path / "pictures" / name / f"{i}.bmp", np.full((3, 3), int(name)))
    output = make(tmp_path / "pictures", *PICTURES)
    assert (output / "class-names.txt").read_text() == "0\n9\n10\n"
    images = read_images(output / "train-images-idx3-ubyte")
    assert sorted(images[:, 0, 0]) == [0, 9, 10]


@pytest.mark.parametrize("kind", ["L", "RGB", "RGBA", "P", "1", "I;16"])
def test_every_kind_of_picture(kind: str, tmp_path: Path) -> None:
    grey = np.zeros((28, 28), np.uint8)
    grey[4:9, 6:20] = 255
    picture = Image.fromarray(grey)
    if kind == "RGBA":  # black and, where nothing is, transparent: as white
        picture = Image.fromarray(np.stack([np.zeros_like(grey)] * 3 + [255 - grey], axis=2))
    elif kind == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    elif kind != "L":
        picture = picture.convert(kind)
    for name in ("a/1.png", "a/2.PNG", "b/1.png", "b/2.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    assert np.array_equal(only_picture(tmp_path / "pictures"), grey)
    assert np.array_equal(only_picture(tmp_path / "pictures", "--invert"), 255 - grey)


def test_pictures_keep_their_proportions(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/2.jpeg", "b/1.jpg", "b/2.jpg"):
        save(tmp_path / "pictures" / name, np.full((80, 40), 255))
    image = only_picture(tmp_path / "pictures", "--size", 8)
    assert (image[:, 2:6] == 255).all() and image.sum() == 8 * 4 * 255  # paper beside it


@pytest.mark.parametrize("shape", [(1, 100_000), (100_000, 1)])
def test_a_line_of_a_picture_stays_one(shape: tuple[int, int], tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        save(tmp_path / "pictures" / name, np.full(shape, 200))
    image = only_picture(tmp_path / "pictures")
    assert image.sum() == 28 * 200 and image.any(axis=np.argmin(shape)).all()


def test_the_camera_was_turned(tmp_path: Path) -> None:
    grey = np.zeros((28, 28), np.uint8)
    grey[:, :14] = 255  # on the left; orientation 6 is turned clockwise, so that it comes to the top
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(grey).save(path, exif=exif)
    assert np.array_equal(only_picture(tmp_path / "pictures"), grey.T)


def test_drawings_are_prepared_as_mnist_is(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        save_drawing(tmp_path / "pictures" / name, (90, 20))
    output = make(tmp_path / "pictures", "--preparation", "digits")
    image = read_images(output / "train-images-idx3-ubyte")[0]
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert image.max() == 255 and rows[-1] - rows[0] == 19 and columns[-1] - columns[0] < 19
    mass = image.sum()
    assert 13.5 <= np.arange(28) @ image.sum(axis=1) / mass < 14.5
    assert 13.5 <= np.arange(28) @ image.sum(axis=0) / mass < 14.5


def test_mnist_there_and_back(build: Path, tmp_path: Path) -> None:
    """Digits of MNIST as pictures become the same bytes again, and a program trains on them."""
    images, labels = read_dataset(DATA, "t10k")
    for i in range(500):
        save(tmp_path / "pictures" / str(labels[i]) / f"{i:03}.png", images[i])
    output = make(tmp_path / "pictures", *PICTURES, "--gzip")
    made = np.concatenate([read_dataset(output, split)[0] for split in ("train", "t10k")])
    assert sorted(map(bytes, made)) == sorted(map(bytes, images[:500]))
    result = subprocess.run(
        [build / "mnist_mlp", "--epochs", "20", "--batch-size", "4", "--data-dir", output],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(result.stdout.split("test accuracy: ")[1].split(" ")[0]) > 75


def save_drawing(path: Path, *places: tuple[int, int], digit: int = 7) -> None:
    """Digits of 40 pixels, dark on light, with their left and top there."""
    ink = np.zeros((90, 160))
    for left, top in places:
        for stroke in digit_strokes(digit, left, top, height=40):
            paint(ink, stroke, 5)
    save(path, 255 - np.rint(ink * 200))


def test_what_was_done_to_the_pictures(tmp_path: Path) -> None:
    """Digits by the names of the classes, else drawings, which are single where they all are."""

    def made(*names: str, several: bool = False) -> tuple[str, str]:
        folder = tmp_path / f"{'-'.join(names)}{several}" / "pictures"
        for name in names:
            for i in range(3):
                save_drawing(folder / name / f"{i}.webp", *[(5, 20), (90, 40)][: 1 + several])
        result = run_tool(PROGRAM, folder, folder.parent / "data", cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.endswith(f"next: tools/run.sh mnist_cnn --data-dir {folder.parent / 'data'}\n")
        return (folder.parent / "data" / "preparation.json").read_text().strip(), result.stdout

    assert made("3", "7")[0] == '{"preparation":"digits"}'
    assert "6 do not look like a single digit" in made("3", "7", several=True)[1]
    assert made("hook", "seven")[0] == '{"preparation":"drawings","single":true}'
    assert made("hook", "seven", several=True)[0] == '{"preparation":"drawings","single":false}'


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--invert",), "--invert: found for digits, where dark or light is found by itself, expected "),
        (("--size", 32), "--size: found 32 for digits, expected 28, or "),
    ],
)
def test_what_does_not_go_with_digits(options: tuple[object, ...], said: str, tmp_path: Path) -> None:
    for name in ("1/1.png", "1/2.png", "2/1.png", "2/2.png"):
        save_drawing(tmp_path / "pictures" / name, (9, 9))
    assert refusal(tmp_path / "pictures", *options) == f"{said}--preparation pictures"


def test_bad_folders(pictures: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert refusal(nowhere) == f"{nowhere}: no such file or directory, expected a folder of pictures"
    empty = tmp_path / "empty"
    (empty / "only").mkdir(parents=True)
    assert refusal(empty) == f"{empty}: 1 sub-folders, expected 2 to 256, one for each class"
    (pictures / "ape").mkdir()
    expected = "expected 2 or more, .png, .jpg or another kind, to train and to test with"
    assert refusal(pictures) == f"{pictures / 'ape'}: 0 pictures, {expected}"
    save(pictures / "ape" / "1.png", np.zeros((3, 3)))
    assert refusal(pictures) == f"{pictures / 'ape'}: 1 picture, {expected}"
    (pictures / "ape").rename(pictures / "a\nb")
    assert refusal(pictures) == (
        f"{pictures}: a sub-folder 'a\\nb', expected a name without control characters and without spaces around it"
    )


def test_bad_pictures(tmp_path: Path) -> None:
    drawing = np.full((20, 20), 255)
    drawing[5:15, 8:12] = 0
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        save(tmp_path / "pictures" / name, drawing)
    path = tmp_path / "pictures" / "a" / "2.png"
    whole = path.read_bytes()
    for content in (b"", b"<html>404</html>", whole[:-30]):
        path.write_bytes(content)
        for options in ((), PICTURES):
            said = refusal(tmp_path / "pictures", *options)
            assert said.startswith(f"{path}: not a picture that can be read, expected")
    Image.new("1", (1 << 26, 1)).save(path)
    said = refusal(tmp_path / "pictures")
    assert said == f"{path}: 67108864 x 1 pixels, expected at most 1000000 a side"
    save(path, np.full((30, 30), 255))
    said = refusal(tmp_path / "pictures")
    assert said == f"{path}: an empty picture, expected a drawing"


def test_an_old_file_would_be_found_first(pictures: Path) -> None:
    old = make(pictures, *PICTURES) / "train-images-idx3-ubyte"
    before = old.read_bytes()
    result = run_tool(PROGRAM, pictures, old.parent, *PICTURES, "--gzip", "--seed", 1, cwd=pictures)
    assert error_line(result, PROGRAM) == f"{old}: is there beside the new {old.name}.gz, expected only one of them"
    assert old.read_bytes() == before and len(list(old.parent.iterdir())) == 6


def test_output_that_cannot_be_written(pictures: Path) -> None:
    (pictures.parent / "made").write_text("precious")
    said = f"{pictures.parent / 'made' / 'class-names.txt'}: cannot be written (not a directory)"
    assert refusal(pictures, *PICTURES) == f"{said}, expected a writable file"
    assert (pictures.parent / "made").read_text() == "precious"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--size", 0), "--size: found '0', expected a whole number from 1 to 1024 (see --help)"),
        (("--size", "2.5"), "--size: found '2.5', expected a whole number from 1 to 1024 (see --help)"),
        (
            ("--seed", -1),
            "--seed: found '-1', expected a whole number from 0 to 18446744073709551615 (see --help)",
        ),
        (
            ("--test-fraction", 1),
            "--test-fraction: found '1', expected a number from 0.001 to 0.999 (see --help)",
        ),
        (
            ("--test-fraction", "nan"),
            "--test-fraction: found 'nan', expected a number from 0.001 to 0.999 (see --help)",
        ),
        (
            ("--preparation", "photos"),
            "--preparation: found 'photos', expected one of digits, drawings, pictures (see --help)",
        ),
    ],
)
def test_wrong_usage(options: tuple[object, ...], said: str, pictures: Path) -> None:
    assert refusal(pictures, *options, status=2) == said
