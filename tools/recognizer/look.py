"""How the recognizer looks: its colours, its sizes at any resolution of the screen, its pictures for Tk."""

import tkinter as tk
from tkinter import ttk

import numpy as np

PAGE, CARD, LINE, TRACK = "#f1f4f9", "#ffffff", "#d5dce8", "#e8edf5"
TEXT, FAINT, ACCENT, PALE, WARNING = "#17203a", "#71809a", "#3454d1", "#a9b8ea", "#b3261e"
ATTENTION = "#ff8a1f"
FONT = "TkDefaultFont"
POINTS_PER_INCH, USUAL_DPI = 72, 96


class Look:
    """Sizes are given in pixels of a usual screen; on a finer one, they have more of the real ones."""

    def __init__(self, root: tk.Tk, zoom: float | None = None):
        screen = root.tk.call("tk", "scaling") * POINTS_PER_INCH / USUAL_DPI
        self.zoom = float(zoom or screen)
        style = ttk.Style(root)
        style.theme_use("clam")
        for name in ("TButton", "TMenubutton", "TCheckbutton", "TCombobox"):
            style.configure(name, font=self.font(13), background=CARD, foreground=TEXT, bordercolor=LINE)
            style.configure(name, lightcolor=CARD, darkcolor=CARD, focuscolor="", padding=self.px(5))
            style.map(name, background=[("active", TRACK)], fieldbackground=[("readonly", CARD)])
        style.configure("TButton", width=0)
        style.configure("TMenubutton", width=0)
        style.configure("TCheckbutton", background=PAGE)
        style.configure("TScale", background=PALE, troughcolor=TRACK, bordercolor=LINE, gripcount=0)
        style.configure("TScale", sliderlength=self.px(18))
        style.configure("TCombobox", arrowsize=self.px(13))
        for part in ("foreground", "selectforeground"):  # clam's are white with the focus
            style.map("TCombobox", **{part: [("readonly", TEXT)]})
        style.map("TCombobox", selectbackground=[("readonly", CARD)])
        root.option_add("*TCombobox*Listbox.font", self.font(13))

    def px(self, size: float) -> int:
        return max(1, round(size * self.zoom))

    def font(self, size: float, weight: str = "normal") -> tuple[str, int, str]:
        """Of `size` pixels, which Tk wants negative."""
        return FONT, -self.px(size), weight


def shaded(ink: np.ndarray, paper: str, full: str) -> np.ndarray:
    """Ink (...) in [0, 1] -> (..., 3), the colours from that of paper to that of full ink, 0 to 255."""
    start, end = _rgb(paper), _rgb(full)
    return start + ink[..., None] * (end - start)


def overlaid(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(rows, columns, 3) with the colour of attention where `weights`, a coarser grid, are large."""
    rows, columns = (np.arange(n) * m // n for n, m in zip(colours.shape[:2], weights.shape, strict=True))
    strength = 0.7 * (weights / weights.max())[np.ix_(rows, columns)][..., None]
    return colours + strength * (_rgb(ATTENTION) - colours)


def ppm(colours: np.ndarray, zoom: int = 1) -> bytes:
    """Colours (height, width, 3), 0 to 255, as a PPM, every pixel `zoom` times as large."""
    large = np.rint(colours).astype(np.uint8).repeat(zoom, axis=0).repeat(zoom, axis=1)
    height, width, _ = large.shape
    return b"P6 %d %d 255\n" % (width, height) + large.tobytes()


def _rgb(colour: str) -> np.ndarray:
    return np.array(list(bytes.fromhex(colour[1:])), np.float64)
