"""Turns a folder of pictures, one sub-folder per class, into a data set that the programs train on.

Run:  tools/run.sh make_idx PICTURES MY_DATA [--size 28] [--invert] [--test-fraction 0.2] [--prepare] [--gzip]
Writes train- and t10k-images and -labels (IDX, as MNIST's) and class-names.txt to MY_DATA.

Classes are numbered in the order of their names, by value if all names are numbers. Pictures become grey,
what is transparent white, and are scaled to fit the square, in its middle. For a network 0 is paper and 255
is ink: dark digits on light paper need --invert, or --prepare, which also crops and centres them as in MNIST.
"""

import argparse
import gzip
import struct
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from common.errors import InputError, os_reason, run_tool
from common.idx import IMAGES_MAGIC, LABELS_MAGIC
from common.options import OptionParser, number
from common.writing import replacing
from drawing.picture_ink import open_picture, read_ink
from drawing.preparation import SIDE, prepare_ink
from drawing.screen import RejectReason

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
MAX_CLASSES = 256  # a label is a byte
LARGEST_SIZE = 1024

Labelled = list[tuple[int, Path]]  # pictures with their labels


def main() -> None:
    options = parse_options()
    classes = find_classes(options.folder)
    files = {"class-names.txt": "".join(f"{name}\n" for name in classes).encode()}
    train, test = split_pictures(classes, options.test_fraction, options.seed)
    for split, chosen in (("train", train), ("t10k", test)):
        labels = np.array([label for label, _ in chosen], np.uint8)
        images = np.stack([read_picture(path, options) for _, path in chosen])
        files[f"{split}-images-idx3-ubyte"] = idx_bytes(IMAGES_MAGIC, images)
        files[f"{split}-labels-idx1-ubyte"] = idx_bytes(LABELS_MAGIC, labels)
    write_files(options.output, files, options.gzip)
    print(
        f"wrote {options.output}: {len(classes)} classes, {len(train)} training and {len(test)} test pictures"
        f" of {options.size} x {options.size} pixels"
    )


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="make_idx", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("folder", type=Path, metavar="PICTURES", help="a folder with a sub-folder of pictures for each class")
    add("output", type=Path, metavar="OUTPUT", help="the folder to write to")
    add(
        "--size",
        type=number(int, 1, LARGEST_SIZE),
        default=SIDE,
        metavar="N",
        help="pixels of an image's side (default: %(default)s)",
    )
    add("--invert", action="store_true", help="dark becomes light: for dark ink on light paper")
    add(
        "--test-fraction",
        type=number(float, 0.001, 0.999),
        default=0.2,
        metavar="F",
        help="share of each class that is kept for testing, above 0 and below 1 (default: %(default)s)",
    )
    add(
        "--seed",
        type=number(int, 0, 2**64 - 1),
        default=42,
        metavar="N",
        help="chooses which they are (default: %(default)s)",
    )
    add("--prepare", action="store_true", help="find the ink, crop and centre it as in MNIST (size 28)")
    add("--gzip", action="store_true", help="write .gz files")
    options = parser.parse_args()
    if options.prepare and (options.invert or options.size != SIDE):
        parser.error(
            f"--prepare: finds the ink by itself, for size {SIDE}; expected no --invert and no --size"
        )
    return options


def find_classes(folder: Path) -> dict[str, list[Path]]:
    """The pictures of each class by its name, in the order of the labels. Raises InputError."""
    try:
        folders = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError as error:
        raise InputError(folder, os_reason(error), "a folder of pictures") from error
    numbers = all(path.name.isdecimal() for path in folders)
    folders.sort(key=lambda path: (int(path.name) if numbers else 0, path.name))
    if not 2 <= len(folders) <= MAX_CLASSES:
        raise InputError(folder, f"{len(folders)} sub-folders", f"2 to {MAX_CLASSES}, one for each class")
    return {class_name(path): find_pictures(path) for path in folders}


def class_name(folder: Path) -> str:
    """The folder's name, which has to fit on a line."""
    if not folder.name.isprintable() or folder.name != folder.name.strip():
        raise InputError(
            folder.parent,
            f"a sub-folder {folder.name!r}",
            "a name without control characters and without spaces around it",
        )
    return folder.name


def find_pictures(folder: Path) -> list[Path]:
    """The pictures of a class, by name. Other files are passed over. Raises InputError if there is none."""
    try:
        pictures = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
    except OSError as error:
        raise InputError(folder, os_reason(error), "a folder of pictures") from error
    if len(pictures) < 2:
        found = f"{len(pictures)} pictures" if len(pictures) != 1 else "1 picture"
        raise InputError(folder, found, f"2 or more ({', '.join(SUFFIXES)}), to train and to test with")
    return pictures


def split_pictures(
    classes: dict[str, list[Path]], test_fraction: float, seed: int
) -> tuple[Labelled, Labelled]:
    """Training and test pictures, each in a random order, so that the first n of a file are of all classes.

    Of each class the same share is for testing, but at least one picture, and at least one for training.
    """
    rng = np.random.default_rng(seed)
    train: Labelled = []
    test: Labelled = []
    for label, pictures in enumerate(classes.values()):
        shuffled = [(label, pictures[i]) for i in rng.permutation(len(pictures))]
        tested = min(max(1, round(len(pictures) * test_fraction)), len(pictures) - 1)
        test += shuffled[:tested]
        train += shuffled[tested:]
    return [train[i] for i in rng.permutation(len(train))], [test[i] for i in rng.permutation(len(test))]


def read_picture(path: Path, options: argparse.Namespace) -> np.ndarray:
    """A picture as the network gets it: uint8 (size, size), 0 paper .. 255 ink. Raises InputError."""
    if options.prepare:
        picture, reject = prepare_ink(read_ink(path))
        if reject is RejectReason.NOTHING_DRAWN:
            raise InputError(path, "an empty picture", "a drawing")
        return np.rint(picture * 255).astype(np.uint8)
    grey = as_grey(open_picture(path))
    if options.invert:
        grey = ImageOps.invert(grey)
    return np.asarray(padded(grey, options.size))


def as_grey(image: Image.Image) -> Image.Image:
    """A picture of open_picture with 8 bits a pixel; what is transparent is white."""
    if image.mode.startswith("I"):  # 16 bits a pixel
        return Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image).convert("L")


def padded(image: Image.Image, side: int) -> Image.Image:
    """Scaled to fit a square, in its middle; a line stays one, however long it was."""
    fit = [max(1, round(length * side / max(image.size))) for length in image.size]
    square = Image.new("L", (side, side))
    square.paste(image.resize(fit, Image.Resampling.BILINEAR), tuple(round((side - n) / 2) for n in fit))
    return square


def idx_bytes(magic: int, values: np.ndarray) -> bytes:
    """Images (count, rows, columns) or labels (count), uint8, as an IDX file."""
    return struct.pack(f">{values.ndim + 1}I", magic, *values.shape) + values.tobytes()


def write_files(folder: Path, files: dict[str, bytes], packed: bool) -> None:
    """Writes the text and the IDX files, packed if asked; none is in its place before all are written."""
    contents = {}
    for name, content in files.items():
        names = spellings(name)
        chosen = f"{name}.gz" if packed and len(names) > 1 else name
        contents[folder / chosen] = gzip.compress(content, mtime=0) if chosen.endswith(".gz") else content
        for other in names:
            if other != chosen and (folder / other).exists():
                raise InputError(folder / other, f"is there beside the new {chosen}", "only one of them")
    with ExitStack() as stack:
        for path, content in contents.items():
            temporary = stack.enter_context(replacing(path))
            temporary.write_bytes(content)


def spellings(name: str) -> Sequence[str]:
    """The names under which a program finds an IDX file: with - or . before idx, plain or .gz."""
    if "-idx" not in name:
        return [name]
    return [spelled + gz for spelled in (name, name.replace("-idx", ".idx")) for gz in ("", ".gz")]


if __name__ == "__main__":
    sys.exit(run_tool("make_idx", main))
