"""The canvas to draw on: a square of any size that shows a Drawing, painted with a soft round pen."""

import tkinter as tk
from collections.abc import Callable

import numpy as np
from PIL import Image

from drawing.painting import Stroke, paint
from drawing.strokes import CANVAS_SIDE, PEN, Drawing
from recognizer.look import CARD, LINE, PAGE, PALE, TEXT, Look, ppm, shaded

SIDE = 340  # pixels of the side at first


class Canvas:
    """Fills `frame`. `changed` is called after each change that the mouse makes in `drawing`."""

    def __init__(self, parent: tk.Misc, look: Look, drawing: Drawing, changed: Callable[[], None]):
        self._drawing, self._changed = drawing, changed
        self.pen = PEN  # units of the drawing, as its points are
        self.side = look.px(SIDE)  # pixels
        self.ink = np.zeros((self.side, self.side))  # what is shown
        self.frame = tk.Frame(parent, background=PAGE, width=self.side, height=self.side)
        self.widget = tk.Canvas(self.frame, background=CARD, highlightthickness=0, borderwidth=0, cursor="pencil")
        self.photo = tk.PhotoImage(master=parent, width=self.side, height=self.side)
        self.widget.create_image(0, 0, image=self.photo, anchor="nw")
        self._hint = self.widget.create_text(0, 0, fill=PALE, font=look.font(18))
        self._edge = self.widget.create_rectangle(0, 0, 0, 0, outline=LINE)
        self.frame.bind("<Configure>", lambda event: self._resize(event.width, event.height))
        self.widget.bind("<ButtonPress-1>", self._press)
        self.widget.bind("<B1-Motion>", lambda event: self._draw(drawing.move(*self._place(event))))
        self.widget.bind("<ButtonRelease-1>", lambda _: self._draw(drawing.release()))

    def invite(self, to: str) -> None:
        """What an empty canvas asks for."""
        self.widget.itemconfigure(self._hint, text=to)

    def repaint(self) -> None:
        """Shows the whole drawing, from scratch."""
        self.ink = np.zeros((self.side, self.side))
        strokes, picture = self._drawing.content
        if picture is not None:
            self._paste(picture)
        for stroke in strokes:
            paint(self.ink, self._pixels(stroke), self._pen_pixels)
        self.photo.configure(width=self.side, height=self.side)
        self._show(0, 0, self.side, self.side)
        empty = not strokes and picture is None
        self.widget.itemconfigure(self._hint, state="normal" if empty else "hidden")

    @property
    def _pen_pixels(self) -> float:
        return self.pen * self.side / CANVAS_SIDE

    def _pixels(self, stroke: Stroke) -> np.ndarray:
        return np.asarray(stroke, np.float64) * (self.side / CANVAS_SIDE)

    def _place(self, event: tk.Event) -> tuple[float, float]:
        """The middle of the pixel that the mouse is in."""
        return (event.x + 0.5) * CANVAS_SIDE / self.side, (event.y + 0.5) * CANVAS_SIDE / self.side

    def _resize(self, width: int, height: int) -> None:
        """The largest square that fits into the frame, at the top, in the middle."""
        self.side = max(min(width, height), 1)
        self.widget.place(x=(width - self.side) // 2, y=0, width=self.side, height=self.side)
        self.widget.coords(self._hint, self.side / 2, self.side / 2)
        self.widget.coords(self._edge, 0, 0, self.side - 1, self.side - 1)
        self.repaint()

    def _press(self, event: tk.Event) -> None:
        self._drawing.press(*self._place(event))
        self.repaint()  # there may have been a picture
        self._changed()

    def _draw(self, piece: Stroke) -> None:
        """Paints what was added, and shows that part of the canvas only: fast on a canvas of any size."""
        if not piece:
            return
        points = self._pixels(piece)
        paint(self.ink, points, self._pen_pixels)
        reach = self._pen_pixels / 2 + 2
        low = np.clip(np.floor(points.min(axis=0) - reach), 0, self.side).astype(int)
        high = np.clip(np.ceil(points.max(axis=0) + reach), 0, self.side).astype(int)
        self._show(*low, *high)
        self._changed()

    def _show(self, left: int, top: int, right: int, bottom: int) -> None:
        part = self.ink[top:bottom, left:right]
        if part.size:
            self.photo.put(ppm(shaded(part, CARD, TEXT)), to=(left, top))

    def _paste(self, picture: np.ndarray) -> None:
        """As large as the canvas allows, in the middle."""
        height, width = picture.shape
        factor = self.side / max(height, width)
        size = max(round(width * factor), 1), max(round(height * factor), 1)
        large = Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)
        left, top = (self.side - size[0]) // 2, (self.side - size[1]) // 2
        self.ink[top : top + size[1], left : left + size[0]] = 1 - np.asarray(large) / 255
