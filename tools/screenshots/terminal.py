"""What commands print, as a picture of a terminal."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from common.errors import InputError, os_reason
from common.options import ROOT
from common.writing import replacing

FONT_PIXELS, LINE_PIXELS, MARGIN = 15, 19, 14
PAPER, INK, COMMAND = "#fafaf8", "#262626", "#145aa0"

Line = tuple[str, str]  # text and colour


def terminal_picture(typed: Sequence[str], build_dir: Path, output: Path) -> None:
    """Runs what one types after `tools/run.sh`, in the current folder. Raises InputError if it fails."""
    lines: list[Line] = []
    for command in typed:
        lines.append((f"$ tools/run.sh {command}", COMMAND))
        lines += [(line, INK) for line in printed_by(command.split(), build_dir).rstrip("\n").split("\n")]
    with replacing(output) as temporary:
        draw(lines).save(temporary, format="PNG", optimize=True)


def printed_by(words: Sequence[str], build_dir: Path) -> str:
    """Standard output of a program in `build_dir`, or of a Python tool."""
    name, *arguments = words
    tool = ROOT / "tools" / f"{name}.py"
    command = [sys.executable, str(tool)] if tool.exists() else [str((build_dir / name).resolve())]
    try:
        done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    except OSError as error:
        expected = f"a built program; build it with: tools/run.sh {name} --help"
        raise InputError(build_dir / name, os_reason(error), expected) from error
    if done.returncode != 0:
        raise InputError(name, f"failed ({done.stderr.strip()})", "a run that ends well")
    return done.stdout


def draw(lines: Sequence[Line]) -> Image.Image:
    """The lines one below the other, in letters of one width."""
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans Mono"), FONT_PIXELS)
    width = max(font.getlength(text) for text, _ in lines)
    picture = Image.new("RGB", (int(width) + 2 * MARGIN, len(lines) * LINE_PIXELS + 2 * MARGIN), PAPER)
    pen = ImageDraw.Draw(picture)
    for number, (text, colour) in enumerate(lines):
        pen.text((MARGIN, MARGIN + number * LINE_PIXELS), text, fill=colour, font=font)
    return picture
