"""The recognizer of the C++ library, include/nn/recognizer.h, through ctypes.

It prepares drawings and pictures, refuses what its model was not made for, and asks the network: what the
window, the benchmarks and make_idx say is what the programs' `predict` says. tools/run.sh builds it.
"""

import ctypes
import os
import threading
from collections.abc import Sequence
from ctypes import (
    POINTER,
    byref,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_size_t,
    c_uint8,
    c_void_p,
)
from enum import IntEnum
from functools import cache
from pathlib import Path

import numpy as np

from common.errors import InputError, ModelError, one_line, os_reason
from common.options import ROOT
from common.preparation import Preparation
from drawing.painting import Stroke
from drawing.strokes import CANVAS_SIDE
from models.files import training_command
from recognizer.recognition import Recognition

LIBRARY = ROOT / os.environ.get("NN_BUILD_DIR", "build") / "libnn_recognizer.so"
ERROR_SIZE = 512


class Status(IntEnum):
    """Why there is no prediction, as the library numbers it; RECOGNIZED if there is one."""

    RECOGNIZED = 0
    NOTHING_DRAWN = 1
    TOO_SMALL = 2
    NOT_ONE_DIGIT = 3
    NOT_SURE = 4
    LINES_ACROSS = 5
    NOT_ONE_DRAWING = 6


class RecognizerError(ModelError):
    """What the library says, which is a whole line."""

    def __init__(self, text: str):
        Exception.__init__(self, one_line(text))


class _Recognition(ctypes.Structure):
    _fields_ = [
        ("status", c_int),
        ("status_text", c_char_p),
        ("label", c_int),
        ("name", c_char_p),
        ("probabilities", POINTER(c_float)),
        ("classes", c_size_t),
        ("pixels", POINTER(c_uint8)),
        ("rows", c_size_t),
        ("cols", c_size_t),
    ]


class _Explanation(ctypes.Structure):
    _fields_ = [
        ("label", c_int),
        ("saliency", POINTER(c_float)),
        ("rows", c_size_t),
        ("cols", c_size_t),
        ("attention", POINTER(c_float)),
        ("heads", c_size_t),
        ("tokens", c_size_t),
        ("token_rows", c_size_t),
        ("token_cols", c_size_t),
    ]


_RESULT = POINTER(_Recognition)
_FUNCTIONS = {  # what each returns and takes, without the prefix nn_
    "recognizer_load": (c_void_p, [c_void_p, c_size_t, c_char_p, c_char_p, c_size_t]),
    "recognizer_free": (None, [c_void_p]),
    "recognizer_error": (c_char_p, [c_void_p]),
    "recognizer_classes": (c_size_t, [c_void_p]),
    "recognizer_class_name": (c_char_p, [c_void_p, c_size_t]),
    "recognizer_rows": (c_size_t, [c_void_p]),
    "recognizer_cols": (c_size_t, [c_void_p]),
    "recognizer_preparation": (c_char_p, [c_void_p]),
    "recognizer_network": (c_char_p, [c_void_p]),
    "recognizer_threshold": (c_double, [c_void_p]),
    "recognizer_set_threshold": (c_int, [c_void_p, c_double]),
    "recognizer_set_canvas": (c_int, [c_void_p, c_double, c_double]),
    "recognizer_strokes": (c_int, [c_void_p, c_void_p, c_void_p, c_size_t, c_double, _RESULT]),
    "recognizer_picture": (c_int, [c_void_p, c_void_p, c_size_t, c_size_t, _RESULT]),
    "recognizer_explain": (c_int, [c_void_p, POINTER(_Explanation)]),
    "prepare_picture": (
        c_int,
        [c_char_p, c_void_p, c_size_t, c_size_t, c_void_p, c_size_t, c_size_t, c_char_p, c_size_t],
    ),
}


class Recognizer:
    """A model. Any thread may ask it; it answers one after the other. Raises RecognizerError."""

    def __init__(self, name: str | Path, data: bytes | np.ndarray):
        """`data`: the bytes of a model file; `name`: what messages call it."""
        self._lib, self._lock = _library(), threading.Lock()
        error = ctypes.create_string_buffer(ERROR_SIZE)
        content = np.frombuffer(data, np.uint8)
        handle = self._lib.nn_recognizer_load(content.ctypes.data, content.size, os.fsencode(name), error, ERROR_SIZE)
        self._handle = c_void_p(handle)
        if not handle:
            raise RecognizerError(_text(error.value))
        lib = self._lib
        self.class_names = [
            _text(lib.nn_recognizer_class_name(handle, label)) for label in range(lib.nn_recognizer_classes(handle))
        ]  # of those that can be recognised
        self.size = (lib.nn_recognizer_rows(handle), lib.nn_recognizer_cols(handle))
        self.preparation = _text(lib.nn_recognizer_preparation(handle))
        self.network = _text(lib.nn_recognizer_network(handle))
        self._check(lib.nn_recognizer_set_canvas(handle, CANVAS_SIDE, CANVAS_SIDE))

    def __del__(self) -> None:
        if handle := getattr(self, "_handle", None):
            self._lib.nn_recognizer_free(handle)

    @property
    def has_attention(self) -> bool:
        return "attention" in self.network

    @property
    def threshold(self) -> float:
        """Below this probability it is not sure."""
        return self._lib.nn_recognizer_threshold(self._handle)

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._check(self._lib.nn_recognizer_set_threshold(self._handle, value))

    def strokes(self, strokes: Sequence[Stroke], pen: float, with_attention: bool = False) -> Recognition:
        """A drawing on the canvas; a digit or a drawing that is not larger than `pen` is too small."""
        points = np.array([point for stroke in strokes for point in stroke], np.float64)
        lengths = np.array([len(stroke) for stroke in strokes], np.uintp)
        where = points.ctypes.data, lengths.ctypes.data, len(lengths)
        return self._recognise(self._lib.nn_recognizer_strokes, *where, pen, with_attention=with_attention)

    def picture(self, grey: np.ndarray, with_attention: bool = False) -> Recognition:
        """A picture, uint8 (height, width), 0 black, in which a digit or a drawing is looked for."""
        pixels = np.ascontiguousarray(grey, np.uint8)
        where = pixels.ctypes.data, *pixels.shape
        return self._recognise(self._lib.nn_recognizer_picture, *where, with_attention=with_attention)

    def _recognise(self, function: object, *arguments: object, with_attention: bool) -> Recognition:
        with self._lock:
            found = _Recognition()
            self._check(function(self._handle, *arguments, byref(found)))
            asked = bool(found.probabilities)
            return Recognition(
                class_names=self.class_names,
                network=self.network,
                status=found.status,
                prediction=_text(found.status_text if found.label < 0 else found.name),
                label=found.label if found.label >= 0 else None,
                probabilities=_array(found.probabilities, found.classes) if asked else None,
                picture=_array(found.pixels, found.rows, found.cols),
                attention=self._attention() if asked and with_attention else None,
            )

    def _attention(self) -> np.ndarray | None:
        """(rows, columns) of patches: how much the first attention layer looks at each, mean of heads and
        queries; 1 if all alike. None if there is none, or its tokens are not patches."""
        found = _Explanation()
        self._check(self._lib.nn_recognizer_explain(self._handle, byref(found)))
        if not found.attention or found.token_rows == 0:
            return None
        weights = _array(found.attention, found.heads, found.tokens, found.tokens)
        received = weights.mean(axis=(0, 1), dtype=np.float64) * found.tokens
        return received.reshape(found.token_rows, found.token_cols)

    def _check(self, status: int) -> None:
        if status != 0:
            raise RecognizerError(_text(self._lib.nn_recognizer_error(self._handle)))


def load_recognizer(path: Path) -> Recognizer:
    """A model file for pictures, which can be prepared for it. Raises ModelError."""
    try:
        with path.open("rb") as file:
            empty = not file.peek(1)
            data = b"" if empty else np.memmap(file, np.uint8, mode="r")
    except FileNotFoundError as error:
        expected = f"a trained model; make it with: {training_command(path)}"
        raise ModelError(path, "no such file", expected) from error
    except OSError as error:
        raise ModelError(path, os_reason(error), "a model file") from error
    recognizer = Recognizer(path, data)
    recognizer.strokes([], pen=1)  # a drawing of nothing is refused at once if none can be prepared
    return recognizer


def prepare_picture(grey: np.ndarray, preparation: Preparation, size: tuple[int, int]) -> tuple[np.ndarray, Status]:
    """A picture, uint8 (height, width), as models of this preparation are shown it: uint8 of `size`, rows and
    columns, 0 paper to 255 ink, and whether they would be asked. Raises RecognizerError."""
    pixels, prepared = np.ascontiguousarray(grey, np.uint8), np.empty(size, np.uint8)
    error = ctypes.create_string_buffer(ERROR_SIZE)
    pictures = pixels.ctypes.data, *pixels.shape, prepared.ctypes.data, *size
    status = _library().nn_prepare_picture(preparation.json.encode(), *pictures, error, ERROR_SIZE)
    if status < 0:
        raise RecognizerError(_text(error.value))
    return prepared, Status(status)


@cache
def _library() -> ctypes.CDLL:
    """Raises InputError if it is not built."""
    expected = "the recognizer; build it with: cmake --build build --target nn_recognizer"
    try:
        library = ctypes.CDLL(str(LIBRARY))
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, f"nn_{name}")
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        found = "no such file" if not LIBRARY.exists() else f"cannot be used ({error})"
        raise InputError(LIBRARY, found, expected) from error
    return library


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _array(values: object, *shape: int) -> np.ndarray:
    """A copy: what the library returns stays only until it is asked again."""
    return np.ctypeslib.as_array(values, shape).copy()
