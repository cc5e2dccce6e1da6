"""A network as one C99 file: what it is and how it is called, functions, weights, and the calls one after another."""

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from c_export.calls import Call, Program
from c_export.memory import place
from c_export.operations import operations_of
from c_export.weights import Array, Weights
from common.preparation import Kind
from models import Model
from models.model import DIGIT_SIZE

WIDTH = 120
FUNCTIONS = Path(__file__).with_name("functions")  # a file each; those of float/ and int8/ have the same names

PREPARED = {
    Kind.DIGITS: "Digits as MNIST's: cropped, scaled to 20 x 20, their centre of mass in the middle of 28 x 28.",
    Kind.DRAWINGS: "Drawings are cropped, scaled and centred as make_idx does it.",
    Kind.PICTURES: "Whole pictures, scaled and put in the middle as make_idx does it.",
}

HEAD = """\
/* {file}: {about}

   Layers   {layers}
   Weights  {weight_bytes} bytes, constant: {kind}
   Memory   {memory_bytes} bytes, static, so only one call may run at a time

   Compile it with your program (-O2, and -lm for the functions of <math.h>). A file that calls it begins with

     #define {macro}_DECLARATIONS
     #include "{file}"

   Written by export_c. */

#include <stdint.h>

#define {macro}_ROWS {rows}
#define {macro}_COLUMNS {columns}
#define {macro}_CLASSES {classes}

/* {use} */
int {name}_classify(const uint8_t pixels[{macro}_ROWS * {macro}_COLUMNS], float probabilities[{macro}_CLASSES]);

extern const char *const {name}_class_names[{macro}_CLASSES];

#ifndef {macro}_DECLARATIONS

#include <limits.h>
#include <math.h>
#include <stddef.h>

#if INT_MAX < 2147483647
#error "int has to have 32 bits"
#endif
"""

NETWORK = """\
int {name}_classify(const uint8_t pixels[{macro}_ROWS * {macro}_COLUMNS], float probabilities[{macro}_CLASSES]) {{
  /* What flows between the layers. Values that are not needed at the same time share memory. */
  static float memory[{floats}];
{buffers}

{calls}

  int best = 0;
  for (int i = 0; i < {macro}_CLASSES; ++i) {{
    if ({logits}[i] > {logits}[best]) best = i;
    if (probabilities) probabilities[i] = {logits}[i];
  }}
  return best;
}}

#endif
"""


@dataclass(frozen=True)
class Exported:
    text: str
    name: str  # what the names of its declarations begin with
    weight_bytes: int
    memory_bytes: int


def build_c(model: Model, path: Path, int8: bool = False) -> Exported:
    """The text of the file `path`, after which its function is named. Raises NetworkError if a weight is not finite."""
    program = Program(Weights(int8))
    pixels = program.value("image", model.shape)
    program.add("from_bytes", [], f"pixels: {pixels.shape_text}", "pixels", pixels.size, pixels)
    logits = program.chain(operations_of(model.steps), pixels)
    program.add("softmax", [logits], f"probabilities: {logits.shape_text}", logits, logits.size)
    floats = place(program.buffers)

    name = identifier(path.stem)
    rows, columns = model.picture_size if model.takes(model.picture_size) else (1, model.inputs)
    weights = program.weights
    words = {
        "file": re.sub(r"[^\w. -]", "_", path.name, flags=re.ASCII),
        "name": name,
        "macro": name.upper(),
        "about": f"a neural network that tells {model.classes} classes of {rows} x {columns} grey pictures, in C99.",
        "layers": wrapped(model.summary, "            "),
        "weight_bytes": weights.bytes,
        "kind": "int8, with a step for each output; biases and norms are float" if int8 else "float",
        "memory_bytes": 4 * floats,
        "floats": floats,
        "rows": rows,
        "columns": columns,
        "classes": model.classes,
        "use": wrapped(use(model, name.upper()), "   "),
        "buffers": "\n".join(f"  float *const {b.name} = memory + {b.offset};" for b in program.buffers),
        "calls": "\n".join(map(call_text, program.calls)),
        "logits": logits,
    }
    parts = [
        HEAD.format(**words),
        *needed_functions((call.function for call in program.calls), "int8" if int8 else "float"),
        *map(array_text, weights.arrays),
        "\n".join(weights.structs) + "\n",
        class_names_text(model, name, name.upper()),
        NETWORK.format(**words),
    ]
    return Exported("\n".join(parts), name, weights.bytes, 4 * floats)


def identifier(text: str) -> str:
    """The text as what names in C can begin with."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII)
    return name if name[:1].isalpha() else f"model_{name.strip('_')}"


def use(model: Model, macro: str) -> str:
    kind = model.preparation.kind
    sentences = [
        f"Which class an image shows, 0 to {macro}_CLASSES - 1. Its pixels are in row order, 0 = paper, 255 = ink.",
        *([PREPARED[kind]] if kind is not Kind.DIGITS or model.takes(DIGIT_SIZE) else []),
        *(["Rows and columns are swapped, as --transpose does it."] if model.transposed else []),
        "The probability of each class goes to `probabilities`, unless that is NULL.",
    ]
    return " ".join(sentences)


def wrapped(text: str, indent: str) -> str:
    """The text of a comment; lines after the first begin with `indent`."""
    return f"\n{indent}".join(textwrap.wrap(text, WIDTH - len(indent) - len(" */"), break_long_words=False))


def needed_functions(names: Iterable[str], kind: str) -> list[str]:
    """The texts of the functions and of what they need, which comes before them; each once."""
    texts: dict[str, str] = {}
    known = {path.stem for path in FUNCTIONS.rglob("*.c")}

    def need(name: str) -> None:
        if name in texts:
            return
        path = FUNCTIONS / f"{name}.c"
        text = (path if path.exists() else FUNCTIONS / kind / f"{name}.c").read_text()
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        for word in dict.fromkeys(re.findall(r"\w+", code)):
            if word in known and word != name:
                need(word)
        texts[name] = text

    for name in names:
        need(name)
    return list(texts.values())


def array_text(array: Array) -> str:
    values = array.values
    suffix, across = ("", 20) if values.dtype == np.int8 else ("f", 8)
    numbers = [f"{number}{suffix}" for number in values.ravel().astype(str)]
    rows = (", ".join(numbers[i : i + across]) for i in range(0, len(numbers), across))
    shape = ", ".join(map(str, values.shape))
    start = f"static const {array.type} {array.name}[{values.size}] = {{ /* {array.axes}: {shape} */\n  "
    return start + ",\n  ".join(rows) + "};\n"


def class_names_text(model: Model, name: str, macro: str) -> str:
    names = ",\n  ".join(f'"{escaped(class_name)}"' for class_name in model.class_names)
    return f"const char *const {name}_class_names[{macro}_CLASSES] = {{\n  {names}}};\n"


def escaped(text: str) -> str:
    """As a string in C has it: UTF-8 in octal, as are quotes, and question marks because of trigraphs."""
    return "".join(chr(b) if (b < 128 and chr(b).isalnum()) or b in b" -_.,+" else f"\\{b:03o}" for b in text.encode())


def call_text(call: Call) -> str:
    line = f"  {call.function}({', '.join(map(str, call.arguments))});"
    return "\n".join(
        [f"  /* {wrapped(call.about, '     ')} */", *textwrap.wrap(line, WIDTH, subsequent_indent="      ")]
    )
