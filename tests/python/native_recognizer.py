"""nn/recognizer.h through ctypes, as a program in Python uses it."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drawing.preparation import Stroke


class _Recognition(ctypes.Structure):
    _fields_ = [
        ("verdict", ctypes.c_int),
        ("verdict_text", ctypes.c_char_p),
        ("label", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("probabilities", ctypes.POINTER(ctypes.c_float)),
        ("classes", ctypes.c_size_t),
        ("pixels", ctypes.POINTER(ctypes.c_uint8)),
        ("rows", ctypes.c_size_t),
        ("cols", ctypes.c_size_t),
    ]


class NativeRecognizer:
    """A model file in libnn_recognizer.so. Raises RuntimeError with the interface's text."""

    def __init__(self, library: Path, model: bytes, name: str):
        self._lib = ctypes.CDLL(str(library))
        self._lib.nn_recognizer_load.restype = ctypes.c_void_p
        self._lib.nn_recognizer_error.restype = ctypes.c_char_p
        self._lib.nn_recognizer_error.argtypes = [ctypes.c_void_p]
        self._lib.nn_recognizer_free.argtypes = [ctypes.c_void_p]
        error = ctypes.create_string_buffer(512)
        size = ctypes.c_size_t(len(model))
        self._handle = ctypes.c_void_p(
            self._lib.nn_recognizer_load(model, size, name.encode(), error, ctypes.c_size_t(len(error)))
        )
        if not self._handle:
            raise RuntimeError(error.value.decode())

    def strokes(self, strokes: Sequence[Stroke], pen: float) -> tuple[str, np.ndarray | None]:
        """What there is to read of the verdict, and the probabilities (classes), None if it was refused."""
        points = np.array([point[:2] for stroke in strokes for point in stroke], np.float64)
        lengths = np.array([len(stroke) for stroke in strokes], np.uintp)
        found = _Recognition()
        status = self._lib.nn_recognizer_strokes(
            self._handle,
            points.ctypes.data_as(ctypes.c_void_p),
            lengths.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_size_t(len(lengths)),
            ctypes.c_double(pen),
            ctypes.byref(found),
        )
        if status != 0:
            raise RuntimeError(self._lib.nn_recognizer_error(self._handle).decode())
        p = (
            np.ctypeslib.as_array(found.probabilities, (found.classes,)).copy()
            if found.probabilities
            else None
        )
        return found.verdict_text.decode(), p

    def __del__(self) -> None:
        self._lib.nn_recognizer_free(self._handle)
