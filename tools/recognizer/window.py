"""The recognizer's window: a canvas to draw on, one panel or two with predictions, buttons and keys.

It recognises while the hand draws, on another thread, so that drawing never waits. What is recognised is in
session.py; the canvas and the panels are in canvas.py and panel.py.
"""

import time
import tkinter as tk
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tkinter import filedialog, ttk
from typing import NamedTuple

from common.errors import InputError
from drawing.strokes import PEN
from models.model import DIGITS
from recognizer.canvas import Canvas
from recognizer.look import CARD, FAINT, PAGE, TEXT, WARNING, Look
from recognizer.native import Recognizer
from recognizer.panel import Panel
from recognizer.recognition import Recognition
from recognizer.session import MODEL_SUFFIXES, Session

DELAY = 25  # milliseconds from a change to its question, and between two looks for the prediction
MIN_HEIGHT, MARGIN = 480, 16  # pixels of the window
THINNEST, THICKEST, PEN_STEP = 8.0, 44.0, 4.0  # units of the drawing
DIGIT_KEYS = tuple(f"<{key}{digit}>" for key in ("Key-", "KP_") for digit in range(10))
PICTURES = [
    ("pictures and drawings", "*.png *.jpg *.jpeg *.webp *.gif *.tif *.tiff *.bmp *.json"),
    ("all files", "*"),
]
MODELS = [("models", " ".join(f"*{suffix}" for suffix in MODEL_SUFFIXES)), ("all files", "*")]


class Command(NamedTuple):
    """What the window does at a key."""

    keys: str  # as shown
    events: tuple[str, ...]  # as Tk calls them
    text: str  # what it does
    run: Callable[[tk.Event], None]


def open_root() -> tk.Tk:
    """Tk's first window. Raises InputError if there is no display to put it on."""
    try:
        return tk.Tk()
    except tk.TclError as error:
        expected = "a display; without one: --image PICTURE, or run under xvfb-run (Debian package xvfb)"
        raise InputError("display", str(error), expected) from error


class RecognizerWindow:
    """Fills `root`. `recognitions` has what each model that is asked predicted last."""

    def __init__(self, root: tk.Tk, session: Session, samples: Path, zoom: float | None = None):
        self.root, self.session, self.samples = root, session, samples
        self.look = Look(root, zoom)
        self.recognitions: list[Recognition] = []
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._asked: Future[list[Recognition]] | None = None
        self._stale = False  # what was asked last is not what is drawn now
        self._timer: str | None = None
        root.title("Digit recognizer")
        root.configure(background=PAGE, padx=self.look.px(MARGIN), pady=self.look.px(MARGIN))
        self.pen = tk.DoubleVar(root, PEN)
        self.comparing, self.with_attention = tk.BooleanVar(root), tk.BooleanVar(root)
        self.commands = self._commands()
        self.canvas = Canvas(root, self.look, session.drawing, self._changed)
        self.panels = [Panel(root, self.look, partial(self._choose, place)) for place in (0, 1)]
        self.status = tk.Label(root, font=self.look.font(12), background=PAGE, anchor="w")
        self.status.configure(width=1)  # a long message does not widen the window
        self._arrange(self._tools())
        self._bind()
        self._models_changed()
        self.say("")

    def settle(self) -> None:
        """Waits until the predictions shown are those of what is drawn: for tests and pictures."""
        self.root.update()
        while self._timer is not None:
            time.sleep(DELAY / 1000)
            self.root.update()

    def say(self, text: str, warning: bool = False) -> None:
        """The line at the bottom; some keys if there is nothing to say."""
        keys = "  ·  ".join(f"{command.keys} {command.text}" for command in self.commands[:5])
        self.status.configure(text=text or keys, foreground=WARNING if warning else FAINT)

    def save(self, label: int) -> None:
        """Keeps the drawing as a sample of a class of the first model."""
        if label >= len(self._first_model.class_names):
            self.say(f"the model has no class {label}", warning=True)
            return
        self._try(lambda: self.say(f"saved {self.session.save_sample(self.samples, label)}"))

    def save_as_digit(self, digit: str) -> None:
        """As a sample of the class that is called so, or else has this number."""
        names = self._first_model.class_names
        self.save(names.index(digit) if digit in names else int(digit))

    @property
    def _first_model(self) -> Recognizer:
        return self.session.models[self.session.asked[0]]

    def open_drawing(self) -> None:
        """Asks for a picture and puts it on the canvas."""
        if name := filedialog.askopenfilename(parent=self.root, filetypes=PICTURES):
            self._edit(partial(self.session.open_drawing, Path(name)))

    def open_model(self) -> None:
        """Asks for a model, which is then asked in the first place."""
        if name := filedialog.askopenfilename(parent=self.root, filetypes=MODELS):
            self._try(partial(self.session.open_model, Path(name)))
            self._models_changed()

    def show_keys(self) -> None:
        """All keys, in a window of their own."""
        window = tk.Toplevel(self.root, background=CARD, padx=self.look.px(MARGIN), pady=self.look.px(MARGIN))
        window.title("Keys")
        window.transient(self.root)
        window.bind("<Escape>", lambda _: window.destroy())
        for row, command in enumerate(self.commands):
            for column, text in enumerate((command.keys, command.text)):
                cell = tk.Label(window, text=text, font=self.look.font(13), background=CARD, foreground=TEXT)
                cell.grid(row=row, column=column, sticky="w", padx=self.look.px(8))
        window.focus_set()

    def _commands(self) -> list[Command]:
        drawing = self.session.drawing

        def turn(switch: tk.BooleanVar) -> None:
            switch.set(not switch.get())

        return [
            Command("Ctrl+Z", ("<Control-z>",), "undo", lambda _: self._edit(drawing.undo)),
            Command("Ctrl+Y", ("<Control-y>", "<Control-Z>"), "redo", lambda _: self._edit(drawing.redo)),
            Command("Del", ("<Delete>", "<Escape>"), "clear", lambda _: self._edit(drawing.clear)),
            Command("F1", ("<F1>", "<question>"), "all keys", lambda _: self.show_keys()),
            Command("0-9", DIGIT_KEYS, "save as a sample", lambda event: self.save_as_digit(event.keysym[-1])),
            Command("Ctrl+O", ("<Control-o>",), "open a picture", lambda _: self.open_drawing()),
            Command("Ctrl+L", ("<Control-l>",), "open a model", lambda _: self.open_model()),
            Command("M", ("<m>",), "next model", lambda _: self._next_model()),
            Command("C", ("<c>",), "compare two models", lambda _: turn(self.comparing)),
            Command("A", ("<a>",), "attention of an attention model", lambda _: turn(self.with_attention)),
            Command("+", ("<plus>", "<KP_Add>"), "thicker pen", lambda _: self._change_pen(PEN_STEP)),
            Command("-", ("<minus>", "<KP_Subtract>"), "thinner pen", lambda _: self._change_pen(-PEN_STEP)),
            Command("Ctrl+Q", ("<Control-q>",), "quit", lambda _: self.root.destroy()),
        ]

    def _bind(self) -> None:
        for command in self.commands:
            for event in command.events:
                self.root.bind(event, command.run)
        self.pen.trace_add("write", lambda *_: self._pen_changed())
        self.comparing.trace_add("write", lambda *_: self._compare())
        self.with_attention.trace_add("write", lambda *_: self._changed())

    def _tools(self) -> tk.Frame:
        """The row of buttons."""
        row, drawing = tk.Frame(self.root, background=PAGE), self.session.drawing
        actions = {
            "Undo": lambda: self._edit(drawing.undo),
            "Redo": lambda: self._edit(drawing.redo),
            "Clear": lambda: self._edit(drawing.clear),
            "Picture ...": self.open_drawing,
            "Model ...": self.open_model,
        }
        self.buttons = {
            caption: ttk.Button(row, text=caption, command=run, takefocus=False) for caption, run in actions.items()
        }
        save = ttk.Menubutton(row, text="Save as", takefocus=False)
        self.classes = tk.Menu(save, tearoff=False, font=self.look.font(13))
        save.configure(menu=self.classes)
        tk.Label(row, text="Pen", font=self.look.font(13), background=PAGE, foreground=TEXT)
        pen = ttk.Scale(row, from_=THINNEST, to=THICKEST, variable=self.pen, takefocus=False)
        pen.configure(length=self.look.px(90))
        ttk.Checkbutton(row, text="Compare", variable=self.comparing, takefocus=False)
        self.attention_button = ttk.Checkbutton(row, text="Attention", variable=self.with_attention)
        for widget in row.winfo_children():
            widget.pack(side="left", padx=(0, self.look.px(6)))
        return row

    def _arrange(self, tools: tk.Frame) -> None:
        """The canvas takes the space that the panels leave, and all of the height."""
        gap = self.look.px(12)
        tools.grid(row=0, column=0, columnspan=3, sticky="w")
        self.canvas.frame.grid(row=1, column=0, sticky="nsew", pady=gap)
        for column, panel in enumerate(self.panels, start=1):
            panel.frame.grid(row=1, column=column, sticky="nsew", pady=gap, padx=(2 * gap, 0))
        self.status.grid(row=2, column=0, columnspan=3, sticky="ew")
        self.root.rowconfigure(1, weight=1)
        self.root.columnconfigure(0, weight=3, minsize=self.look.px(120))
        self.root.columnconfigure(1, weight=1)
        self._show_second(False)
        self.root.update_idletasks()  # so that the buttons know their width
        width = tools.winfo_reqwidth() + 2 * self.look.px(MARGIN)
        self.root.minsize(width, self.look.px(MIN_HEIGHT))

    def _try(self, action: Callable[[], None]) -> None:
        """Does what the user asked for; if it cannot be done, the line at the bottom says why."""
        self.say("")
        try:
            action()
        except InputError as error:
            self.say(str(error), warning=True)

    def _edit(self, action: Callable[[], None]) -> None:
        """Changes what is on the canvas as a whole."""
        self._try(action)
        self.canvas.repaint()
        self._changed()

    def _pen_changed(self) -> None:
        self.canvas.pen = self.pen.get()
        self.canvas.repaint()

    def _change_pen(self, step: float) -> None:
        self.pen.set(min(max(self.pen.get() + step, THINNEST), THICKEST))

    def _choose(self, place: int, number: int) -> None:
        self.session.choose(place, list(self.session.models)[number])
        self._models_changed()

    def _next_model(self) -> None:
        self._choose(0, (self.panels[0].models.current() + 1) % len(self.session.models))

    def _compare(self) -> None:
        on = self.comparing.get()
        self.session.compare(on)
        self._show_second(on)
        self._models_changed()

    def _show_second(self, on: bool) -> None:
        second = self.panels[1].frame
        if on:
            second.grid()
        else:
            second.grid_remove()
        self.root.columnconfigure(2, weight=int(on))

    def _models_changed(self) -> None:
        """What depends on which models there are, and on which are asked."""
        paths = list(self.session.models)
        asked = [self.session.models[path] for path in self.session.asked]
        for panel, path in zip(self.panels, self.session.asked, strict=False):
            panel.offer([str(path) for path in paths], paths.index(path))
        self.classes.delete(0, "end")
        is_digits = asked[0].preparation == "digits" and len(asked[0].class_names) == DIGITS
        self.canvas.invite("draw a digit" if is_digits else "draw here")
        for label, name in enumerate(asked[0].class_names):
            self.classes.add_command(label=name, command=partial(self.save, label))
        with_attention = any(model.has_attention for model in asked)
        self.attention_button.configure(state="normal" if with_attention else "disabled")
        self._changed()

    def _changed(self) -> None:
        """What is drawn or who is asked has changed: there is a new question."""
        self._stale = True
        if self._timer is None:
            self._timer = self.root.after(DELAY, self._turn)

    def _turn(self) -> None:
        """Shows the prediction if there is one, asks if there is something new, and comes back."""
        self._timer = None
        if self._asked is not None and self._asked.done():
            done, self._asked = self._asked, None
            self.recognitions = done.result()
            self._show()
        if self._asked is None and self._stale:
            self._stale = False
            self._asked = self._thread.submit(self.session.question(self.with_attention.get()).recognitions)
        if self._asked is not None:
            self._timer = self.root.after(DELAY, self._turn)

    def _show(self) -> None:
        for panel, recognition in zip(self.panels, self.recognitions, strict=False):
            panel.show(recognition)
