"""Turns a folder of pictures, one sub-folder per class, into a data set that the programs train on.

Run:  tools/run.sh make_idx PICTURES MY_DATA [--size 28] [--preparation drawings] [--test-fraction 0.2] [--gzip]
Writes train- and t10k-images and -labels (IDX, as MNIST's), class-names.txt, and preparation.json, which tells
the programs and the recognizer how to prepare other pictures in the same way (common/preparation.py).

Classes are numbered in the order of their names, by value if all names are numbers. In every picture what is
drawn, dark on light or light on dark, is found, cropped and centred as in MNIST. With --preparation pictures
it is only scaled to fit the square, in its middle, grey, what is transparent white; for a network 0 is paper
and 255 is ink, so that dark drawings on light paper then need --invert.
"""

import argparse
import gzip
import shlex
import struct
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from common.errors import InputError, os_reason, run_tool
from common.idx import IMAGES_MAGIC, LABELS_MAGIC
from common.options import OptionParser, number
from common.pictures import read_grey
from common.preparation import FILE, Kind, Preparation
from common.writing import replacing
from recognizer.native import Status, prepare_picture

SIDE = 28  # pixels of an image's side, of digits always
PICTURES = "--preparation pictures"
MAX_SEVERAL = 0.01  # share of pictures that may show several drawings where each is to be a single one
MAX_CLASSES = 256  # a label is a byte
LARGEST_SIZE = 1024

Labelled = list[tuple[int, Path]]  # pictures with their labels
StatusCounts = Counter[Status]


def main() -> None:
    options = parse_options()
    classes = find_classes(options.folder)
    kind = options.preparation or (Kind.DIGITS if set(classes) <= set("0123456789") else Kind.DRAWINGS)
    check_options(kind, options)
    preparation = Preparation(kind, single=kind is Kind.DRAWINGS, invert=options.invert)
    files = {"class-names.txt": "".join(f"{name}\n" for name in classes).encode()}
    train, test = split_pictures(classes, options.test_fraction, options.seed)
    rejected = StatusCounts()
    for split, chosen in (("train", train), ("t10k", test)):
        labels = np.array([label for label, _ in chosen], np.uint8)
        images, statuses = read_pictures(chosen, preparation, options.size)
        rejected += statuses
        files[f"{split}-images-idx3-ubyte"] = idx_bytes(IMAGES_MAGIC, images)
        files[f"{split}-labels-idx1-ubyte"] = idx_bytes(LABELS_MAGIC, labels)
    count = len(train) + len(test)
    if rejected[Status.NOT_ONE_DRAWING] > MAX_SEVERAL * count:
        preparation = replace(preparation, single=False)
    files[FILE] = f"{preparation.json}\n".encode()
    write_files(options.output, files, options.gzip)
    print(
        f"wrote {options.output}: {len(classes)} classes, {len(train)} training and {len(test)} test pictures"
        f" of {options.size} x {options.size} pixels"
    )
    print(description(preparation, options))
    if kind is Kind.DIGITS and (strange := count - rejected[Status.RECOGNIZED]):
        print(f"{strange} do not look like a single digit; for other drawings: --preparation drawings")
    print(f"next: tools/run.sh mnist_cnn --data-dir {shlex.quote(str(options.output))}")


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
    add("--invert", action="store_true", help="of --preparation pictures: dark becomes light")
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
    add(
        "--preparation",
        type=parse_kind,
        metavar="WORD",
        help="digits or drawings: find what is drawn, crop and centre it as in MNIST; pictures: only scale them"
        " (default: digits if all classes are called 0 to 9, else drawings)",
    )
    add("--gzip", action="store_true", help="write .gz files")
    return parser.parse_args()


def parse_kind(word: str) -> Kind:
    """The type of an option."""
    try:
        return Kind(word)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"found {word!r}, expected one of {', '.join(Kind)}") from error


def check_options(kind: Kind, options: argparse.Namespace) -> None:
    """Raises InputError if they do not go together."""
    if options.invert and kind is not Kind.PICTURES:
        raise InputError("--invert", f"found for {kind}, where dark or light is found by itself", PICTURES)
    if options.size != SIDE and kind is Kind.DIGITS:
        raise InputError("--size", f"found {options.size} for digits", f"{SIDE}, or {PICTURES}")


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
    Image.init()
    suffixes = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    try:
        files = [path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file()]
    except OSError as error:
        raise InputError(folder, os_reason(error), "a folder of pictures") from error
    pictures = sorted(path for path in files if path.suffix.lower() in suffixes)
    if len(pictures) < 2:
        found = f"{len(pictures)} pictures" if len(pictures) != 1 else "1 picture"
        others = sorted({path.suffix for path in files if path not in pictures and path.suffix != ".json"})
        found += f" and files that end in {', '.join(others)}" if others else ""
        raise InputError(folder, found, "2 or more, .png, .jpg or another kind, to train and to test with")
    return pictures


def split_pictures(classes: dict[str, list[Path]], test_fraction: float, seed: int) -> tuple[Labelled, Labelled]:
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


def read_pictures(pictures: Labelled, preparation: Preparation, size: int) -> tuple[np.ndarray, StatusCounts]:
    """Pictures as the network gets them, uint8 (count, size, size), 0 paper .. 255 ink, and how often each
    status occurs. Raises InputError."""
    images, statuses = [], StatusCounts()
    for _, path in pictures:
        image, status = prepare_picture(read_grey(path), preparation, (size, size))
        if status is Status.NOTHING_DRAWN:
            raise InputError(path, "an empty picture", "a drawing")
        statuses[status] += 1
        images.append(image)
    return np.stack(images), statuses


def description(preparation: Preparation, options: argparse.Namespace) -> str:
    """What was done to the pictures, in words."""
    if preparation.kind is Kind.PICTURES:
        inverted = ", and inverted" if preparation.invert else ""
        return f"prepared as pictures: each as it is, scaled to fit into {options.size} x {options.size}{inverted}"
    done = "what is drawn is found, cropped, scaled and centred as in MNIST"
    if preparation.kind is Kind.DIGITS:
        return f"prepared as digits: {done}; predict will reject what is not a single digit"
    single = "; predict will reject two drawings in one picture" if preparation.single else ""
    return f"prepared as drawings: {done}{single}"


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
