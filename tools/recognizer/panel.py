"""What one model predicts: its name, the prediction, what it sees, a bar for each class."""

import tkinter as tk
from collections.abc import Callable, Sequence
from textwrap import shorten
from tkinter import font as tkfont
from tkinter import ttk

from recognizer.look import (
    ACCENT,
    CARD,
    FAINT,
    FONT,
    PAGE,
    PALE,
    TEXT,
    TRACK,
    Look,
    overlaid,
    ppm,
    shaded,
)
from recognizer.recognition import Recognition

WIDTH, HEAD, BARS = 270, 140, 220  # pixels, at first
PREVIEW = 112  # pixels of the side of what the network sees
HIGHEST_ROW = 34  # pixels of a class's row
MAX_SUMMARY = 130  # characters, of the network in words
BAR = 0.45  # of its row's height


class Panel:
    """Fills `frame`. `choose` is called with the number of the model that was picked in the list."""

    def __init__(self, parent: tk.Misc, look: Look, choose: Callable[[int], None]):
        self._look, self._recognition = look, None
        self.frame = tk.Frame(parent, background=PAGE)
        self.models = ttk.Combobox(self.frame, state="readonly", width=8, takefocus=False, font=look.font(13))
        self.models.bind("<<ComboboxSelected>>", lambda _: choose(self.models.current()))
        self.summary = tk.Label(self.frame, font=look.font(11), background=PAGE, foreground=FAINT, anchor="w")
        self.summary.configure(wraplength=look.px(WIDTH), justify="left")
        head = tk.Frame(self.frame, background=PAGE, width=look.px(WIDTH), height=look.px(HEAD))
        head.pack_propagate(False)  # so that long predictions and short ones leave everything in its place
        self.prediction = tk.Label(head, background=PAGE, anchor="w", justify="left")
        self.preview = tk.PhotoImage(master=parent)
        seen = tk.Frame(head, background=PAGE)
        tk.Label(seen, image=self.preview, borderwidth=0).pack()
        caption = tk.Label(seen, text="what the network sees", font=look.font(10), pady=look.px(3))
        caption.configure(background=PAGE, foreground=FAINT)
        caption.pack()
        seen.pack(side="right", anchor="n")
        self.prediction.pack(side="left", fill="both", expand=True)
        self.top_three = tk.Label(self.frame, font=look.font(12), background=PAGE, anchor="w")
        self.top_three.configure(foreground=FAINT)
        self.bars = tk.Canvas(self.frame, width=look.px(WIDTH), height=look.px(BARS), background=PAGE)
        self.bars.configure(highlightthickness=0)
        self.bars.bind("<Configure>", lambda _: self._show_bars())
        for row, widget in enumerate((self.models, self.summary, head, self.top_three, self.bars)):
            widget.grid(row=row, column=0, sticky="nsew", pady=(0, look.px(4)))
        self.frame.rowconfigure(4, weight=1)
        self.frame.columnconfigure(0, weight=1)

    def offer(self, names: Sequence[str], chosen: int) -> None:
        """The list of models, and the one that is asked."""
        self.models.configure(values=names)
        self.models.current(chosen)

    def show(self, recognition: Recognition) -> None:
        """The prediction of the model, with its attention laid over the picture if there is any."""
        self._recognition = recognition
        prediction, beside = recognition.prediction, self._look.px(WIDTH - PREVIEW - 14)
        font = self._look.font(84 if len(prediction) <= 2 else 22, "bold")
        self.prediction.configure(text=prediction, font=font, wraplength=beside)
        self.prediction.configure(foreground=FAINT if recognition.label is None else ACCENT)
        top = "     ".join(f"{name}  {100 * p:.1f} %" for name, p in recognition.likeliest(3))
        self.top_three.configure(text=top)
        self.summary.configure(text=shorten(recognition.network, MAX_SUMMARY, placeholder=" ..."))
        colours = shaded(recognition.picture / 255, TEXT, CARD)
        if recognition.attention is not None:
            colours = overlaid(colours, recognition.attention)
        space, pixels = self._look.px(PREVIEW), max(colours.shape[:2])
        every = -(-pixels // space)  # of a picture that is larger than the space
        data = ppm(colours[::every, ::every], max(1, space // pixels))
        self.preview.configure(data=data, format="PPM")
        self._show_bars()

    def _show_bars(self) -> None:
        self.bars.delete("all")
        if self._recognition is None:
            return
        names, probs = self._recognition.class_names, self._recognition.probabilities
        row = min(self.bars.winfo_height() / len(names), self._look.px(HIGHEST_ROW))
        size = -max(6, min(self._look.px(14), round(0.7 * row)))
        bold = tkfont.Font(root=self.bars, font=(FONT, size, "bold"))
        left, right = bold.measure(max(names, key=len) + "0"), self.bars.winfo_width() - 1
        bar_end = right - bold.measure("100% ")
        for label, name in enumerate(names):
            y, best = row * (label + 0.5), label == self._recognition.label
            font = (FONT, size, "bold" if best else "normal")
            colour, p = ACCENT if best else TEXT, 0.0 if probs is None else float(probs[label])
            self.bars.create_text(0, y, text=name, anchor="w", font=font, fill=colour)
            for end, shade in ((1.0, TRACK), (p, ACCENT if best else PALE)):
                if (length := end * (bar_end - left)) >= 1:
                    top, bottom = y - BAR * row / 2, y + BAR * row / 2
                    self.bars.create_rectangle(left, top, left + length, bottom, fill=shade, width=0)
            if probs is not None:
                self.bars.create_text(right, y, text=f"{p:.0%}", anchor="e", font=font, fill=colour)
