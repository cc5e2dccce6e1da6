"""Measures how models read digits by other hands than MNIST's: 13 writers from Turkey, and handwriting fonts.

Run:  tools/run.sh handwriting_benchmark MODEL... [--pictures FOLDER]...

Each set is written as pictures, black on white, which `mnist_cnn predict` reads as it would any other: a digit
is right if it is recognised, not if it is refused or "not sure".

  writers  1,797 digits of 13 people, scanned, 8 x 8 grey levels enlarged to 200 pixels and made black or white.
           Source: "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, 1998, as scikit-learn
           has its test part.
  fonts    the digits of Debian's handwriting fonts that are installed, in three sizes, each turned a little.
  FOLDER   pictures of your own, in folders called 0 to 9.
"""

import argparse
import collections
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common.errors import InputError, run_tool
from common.options import ROOT, OptionParser
from common.programs import check_built, run_child

FONT_PACKAGES = [
    f"fonts-{name}"
    for name in (
        *("aoyagi-soseki", "breip", "bwht", "comic-neue", "dancingscript", "dkg-handwriting", "ecolier-court"),
        *("femkeklaver", "havana", "humor-sans", "isabella", "joscelyn", "kaushanscript", "kiloji", "klee"),
        *("kouzan-mouhitsu", "kristi", "leckerli-one", "rufscript", "seto", "sil-andika", "sjfonts"),
        *("tomsontalks", "yozvox-yozfont", "yusei-magic"),
    )
]
SIDE = 240  # pixels of a picture
AT_A_TIME = 500  # pictures per run of predict
COMMON_MISTAKES = 5

Labelled = Iterator[tuple[int, Image.Image]]


def main() -> None:
    options = parse_options()
    program = options.build_dir / "mnist_cnn"
    check_built(program)
    own = {str(path): own_pictures(path) for path in options.pictures}
    with tempfile.TemporaryDirectory() as folder:
        sets = {"writers": saved(writers(), Path(folder, "writers"))}
        if fonts := installed_fonts():
            sets[f"{len(fonts)} fonts"] = saved(typeset(fonts), Path(folder, "fonts"))
        else:
            print(f"no handwriting fonts are installed (apt install {' '.join(FONT_PACKAGES)})", file=sys.stderr)
        sets |= own
        for model in options.models:
            for name, pictures in sets.items():
                print(f"{model}, {name}: {summary(read(program, model, pictures))}", flush=True)


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="handwriting_benchmark", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "models",
        nargs="+",
        metavar="MODEL",
        help="a model for ten digits; several, separated by commas, are an ensemble",
    )
    add(
        "--pictures",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="also read the pictures in its folders 0 to 9; may be given again",
    )
    add("--build-dir", type=Path, default=ROOT / "build", metavar="PATH", help="folder of mnist_cnn (default: build)")
    return parser.parse_args()


def writers() -> Labelled:
    """The digits of 13 people."""
    from sklearn.datasets import load_digits  # takes a second

    digits = load_digits()
    for image, digit in zip(digits.images, digits.target, strict=True):  # (8, 8), 0 paper .. 16 ink
        grey = Image.fromarray(np.pad(image / 16 * 255, 1).astype(np.uint8))
        ink = np.asarray(grey.resize((200, 200), Image.Resampling.BICUBIC)) > 115
        yield int(digit), Image.fromarray(np.pad(np.where(ink, 0, 255).astype(np.uint8), 20, constant_values=255))


def installed_fonts() -> list[Path]:
    """The font files of FONT_PACKAGES, as far as they are installed."""
    try:
        listed = subprocess.run(["dpkg", "-L", *FONT_PACKAGES], capture_output=True, text=True, check=False).stdout
    except OSError:  # not Debian
        return []
    return sorted(Path(line) for line in listed.splitlines() if line.endswith((".ttf", ".otf")))


def typeset(fonts: list[Path], seed: int = 1) -> Labelled:
    """Every digit of every font twice."""
    rng = random.Random(seed)
    for path in fonts:
        for digit in [*range(10)] * 2:
            font = ImageFont.truetype(path, rng.choice([60, 110, 160]))
            picture = Image.new("L", (SIDE, SIDE), 255)
            ImageDraw.Draw(picture).text((SIDE / 2, SIDE / 2), str(digit), font=font, fill=0, anchor="mm")
            picture = picture.rotate(rng.uniform(-6, 6), Image.Resampling.BICUBIC, fillcolor=255)
            if picture.getextrema()[0] < 128:  # a few fonts have no digits
                yield digit, picture


def saved(pictures: Labelled, folder: Path) -> list[tuple[int, Path]]:
    """As PNG files."""
    folder.mkdir()
    files = []
    for i, (digit, picture) in enumerate(pictures):
        files.append((digit, folder / f"{i:05d}.png"))
        picture.save(files[-1][1])
    return files


def own_pictures(folder: Path) -> list[tuple[int, Path]]:
    """The files in folder/0 .. folder/9. Raises InputError if there are none."""
    files = [(digit, path) for digit in range(10) for path in sorted((folder / str(digit)).glob("*"))]
    if not files:
        raise InputError(folder, "no pictures", "folders 0 to 9 with pictures of these digits")
    return files


def read(program: Path, model: str, pictures: list[tuple[int, Path]]) -> list[tuple[int, str]]:
    """For each picture its digit and what `model` says: a digit, or why it does not say one."""
    said = []
    for start in range(0, len(pictures), AT_A_TIME):
        paths = [path for _, path in pictures[start : start + AT_A_TIME]]
        lines = run_child(program.name, [program, "predict", model, "--json", *paths]).stdout.splitlines()
        answers = map(json.loads, lines)
        said += [a["name"] if a["status"] == "digit" else a["status"] for a in answers]
    return [(digit, answer) for (digit, _), answer in zip(pictures, said, strict=True)]


def summary(answers: list[tuple[int, str]]) -> str:
    """The accuracy, and the most common mistakes."""
    wrong = collections.Counter(pair for pair in answers if str(pair[0]) != pair[1])
    right = len(answers) - wrong.total()
    mistakes = ", ".join(f"{n} times {digit} as {said}" for (digit, said), n in wrong.most_common(COMMON_MISTAKES))
    return f"{100 * right / len(answers):.1f} % of {len(answers)} right" + (f" ({mistakes})" if mistakes else "")


if __name__ == "__main__":
    sys.exit(run_tool("handwriting_benchmark", main))
