"""The recognizer's window: a canvas to draw on, ten bars, the digit. What it shows is computed elsewhere."""

import tkinter as tk
from tkinter import ttk

import numpy as np

from drawing import Drawing
from errors import InputError
from models import DIGITS, Model, probabilities
from preparation import SIDE, Point, Stroke, paint, prepare_strokes
from verdict import Verdict

CANVAS = 280  # pixels of the canvas's side
PEN = 20.0  # pixels of the pen on the canvas
BORDER = 1  # pixels around the canvas, which its events count
PREVIEW_ZOOM = 3  # screen pixels for one of the 28x28
BAR_LEFT, BAR_LENGTH, BAR_HEIGHT, BAR_ROW = 24, 190, 10, 22  # pixels

PAGE, CARD, LINE, TRACK = "#f1f4f9", "#ffffff", "#d5dce8", "#e8edf5"
TEXT, FAINT, ACCENT, DEEP, PALE = "#17203a", "#71809a", "#3454d1", "#2a45b0", "#a9b8ea"


def open_root() -> tk.Tk:
    """Tk's first window. Raises InputError if there is no display to put it on."""
    try:
        return tk.Tk()
    except tk.TclError as error:
        expected = "a display; without one: --image PICTURE, or run under xvfb-run (Debian package xvfb)"
        raise InputError("display", str(error), expected) from error


class RecognizerWindow:
    """Fills `root`. `probabilities` are those of the last prediction, (10), or None when nothing is drawn."""

    def __init__(self, root: tk.Tk, model: Model, title: str):
        self.root, self.model = root, model
        self.drawing = Drawing()
        self.ink = np.zeros((CANVAS, CANVAS))
        self.probabilities: np.ndarray | None = None
        root.title("Digit recognizer")
        root.configure(background=PAGE, padx=24, pady=20)
        root.resizable(False, False)
        self._style()
        self._build(title)
        self.clear()

    @property
    def digit(self) -> int | None:
        """The digit recognised last; None when nothing is drawn."""
        return None if self.probabilities is None else int(self.probabilities.argmax())

    def clear(self) -> None:
        """An empty canvas, no prediction."""
        self.drawing.clear()
        self.ink[:] = 0
        self._paint([])
        self.predict()

    def predict(self) -> None:
        """Recognises what is drawn, and shows it."""
        picture, verdict = prepare_strokes(self.drawing.strokes, smallest=PEN)
        self.probabilities = None if verdict is Verdict.NOTHING else probabilities(self.model, picture)[0]
        self._show(picture)

    def _style(self) -> None:
        style = ttk.Style(self.root)
        style.theme_use("clam")
        for name, face, text, edge, active in (
            ("Plain.TButton", CARD, TEXT, LINE, TRACK),
            ("Main.TButton", ACCENT, CARD, ACCENT, DEEP),
        ):
            style.configure(name, font=("TkDefaultFont", -14), padding=(0, 9), borderwidth=1, focuscolor="")
            style.configure(name, background=face, foreground=text, lightcolor=face, darkcolor=face)
            style.configure(name, bordercolor=edge)
            style.map(name, background=[("active", active)])

    def _build(self, title: str) -> None:
        left, right = tk.Frame(self.root, background=PAGE), tk.Frame(self.root, background=PAGE)
        left.grid(row=0, column=0, sticky="n")
        right.grid(row=0, column=1, sticky="n", padx=(28, 0))
        caption = {"font": ("TkDefaultFont", -12), "background": PAGE, "foreground": FAINT}
        footer = tk.Label(self.root, text=f"{title}  ·  {self.model.summary}", **caption)
        footer.grid(row=1, column=0, columnspan=2, sticky="w", pady=(16, 0))
        self._build_canvas(left)
        self._build_result(right)
        self._build_bars(right)

    def _build_canvas(self, parent: tk.Frame) -> None:
        self.canvas = tk.Canvas(
            parent,
            width=CANVAS,
            height=CANVAS,
            background=CARD,
            highlightthickness=BORDER,
            highlightbackground=LINE,
            borderwidth=0,
            cursor="pencil",
        )
        self.canvas.grid(row=0, column=0, columnspan=2)
        self.sheet = tk.PhotoImage(master=self.root, width=CANVAS, height=CANVAS)
        self.canvas.create_image(BORDER, BORDER, image=self.sheet, anchor="nw")
        self.hint = self.canvas.create_text(
            CANVAS / 2, CANVAS / 2, text="draw a digit", fill=PALE, font=("TkDefaultFont", -18)
        )
        self.canvas.bind("<ButtonPress-1>", lambda event: self._paint(self.drawing.press(*_place(event))))
        self.canvas.bind("<B1-Motion>", lambda event: self._paint(self.drawing.move(*_place(event))))
        self.canvas.bind("<ButtonRelease-1>", self._on_release)
        self.clear_button = ttk.Button(parent, text="Clear", style="Plain.TButton", command=self.clear)
        self.predict_button = ttk.Button(parent, text="Predict", style="Main.TButton", command=self.predict)
        self.clear_button.grid(row=1, column=0, sticky="ew", pady=(12, 0), padx=(0, 6))
        self.predict_button.grid(row=1, column=1, sticky="ew", pady=(12, 0), padx=(6, 0))
        parent.columnconfigure((0, 1), weight=1)

    def _build_result(self, parent: tk.Frame) -> None:
        self.digit_label = tk.Label(
            parent, font=("TkDefaultFont", -76, "bold"), width=2, pady=0, background=PAGE, foreground=ACCENT
        )
        self.digit_label.grid(row=0, column=0, sticky="w")
        side = SIDE * PREVIEW_ZOOM
        frame = tk.Frame(parent, background=PAGE)
        frame.grid(row=0, column=1, sticky="e")
        self.preview = tk.PhotoImage(master=self.root, width=side, height=side)
        tk.Label(frame, image=self.preview, borderwidth=0).pack(anchor="e")
        caption = {"font": ("TkDefaultFont", -10), "background": PAGE, "foreground": FAINT}
        tk.Label(frame, text="what the network sees", **caption).pack(anchor="e", pady=(4, 0))
        parent.columnconfigure(1, weight=1)

    def _build_bars(self, parent: tk.Frame) -> None:
        self.bars = tk.Canvas(
            parent,
            width=BAR_LEFT + BAR_LENGTH + 60,
            height=BAR_ROW * DIGITS,
            background=PAGE,
            highlightthickness=0,
        )
        self.bars.grid(row=1, column=0, columnspan=2, sticky="w", pady=(10, 0))

    def _paint(self, piece: Stroke) -> None:
        paint(self.ink, piece, PEN)
        self.canvas.itemconfigure(self.hint, state="hidden" if self.drawing.strokes else "normal")
        self.sheet.configure(data=_ppm(self.ink, CARD, TEXT), format="PPM")

    def _on_release(self, _event: tk.Event) -> None:
        self._paint(self.drawing.release())
        self.predict()

    def _show(self, picture: np.ndarray) -> None:
        zoomed = np.repeat(np.repeat(picture, PREVIEW_ZOOM, axis=0), PREVIEW_ZOOM, axis=1)
        self.preview.configure(data=_ppm(zoomed, TEXT, CARD), format="PPM")
        self.digit_label.configure(text="" if self.digit is None else self.digit)
        self.bars.delete("all")
        shares = np.zeros(DIGITS) if self.probabilities is None else self.probabilities
        for digit, share in enumerate(shares):
            self._show_bar(digit, float(share), best=digit == self.digit)

    def _show_bar(self, digit: int, share: float, best: bool) -> None:
        y, right = BAR_ROW * (digit + 0.5), BAR_LEFT + BAR_LENGTH
        font, colour = ("TkDefaultFont", -14, "bold" if best else "normal"), ACCENT if best else TEXT
        self.bars.create_text(0, y, text=digit, anchor="w", font=font, fill=colour)
        self._bar(y, right, TRACK)
        if share * BAR_LENGTH >= 1:
            self._bar(y, BAR_LEFT + share * BAR_LENGTH, ACCENT if best else PALE)
        if self.probabilities is not None:
            self.bars.create_text(right + 60, y, text=f"{share:.0%}", anchor="e", font=font, fill=colour)

    def _bar(self, y: float, right: float, colour: str) -> None:
        top, bottom = y - BAR_HEIGHT / 2, y + BAR_HEIGHT / 2
        self.bars.create_rectangle(BAR_LEFT, top, right, bottom, fill=colour, width=0)


def _place(event: tk.Event) -> Point:
    """The middle of the pixel that the mouse is in."""
    return event.x - BORDER + 0.5, event.y - BORDER + 0.5


def _ppm(ink: np.ndarray, paper: str, full: str) -> bytes:
    """Ink (height, width) in [0, 1] as a PPM picture, in colours from that of paper to that of full ink."""
    ends = np.array([list(bytes.fromhex(colour[1:])) for colour in (paper, full)], np.float64)
    palette = np.rint(ends[0] + np.linspace(0, 1, 256)[:, None] * (ends[1] - ends[0])).astype(np.uint8)
    height, width = ink.shape
    return b"P6 %d %d 255\n" % (width, height) + palette[np.rint(ink * 255).astype(np.uint8)].tobytes()
