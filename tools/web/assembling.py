"""One HTML file of the parts in tools/web/page."""

import re
from pathlib import Path

from common.options import ROOT
from web.embedded import Embedded, packed, script_json

PAGE = ROOT / "tools" / "web" / "page"
SCRIPTS = ("drawing.js", "recognizer.js", "page.js")  # each after those that it imports


def page(wasm: bytes, models: list[Embedded]) -> str:
    data = {"wasm": packed(wasm), "models": [model.json() for model in models]}
    parts = {"STYLE": _text("style.css"), "SCRIPT": script(), "DATA": script_json(data)}
    return re.sub(r"/\*(STYLE|SCRIPT|DATA)\*/", lambda found: parts[found[1]], _text("index.html"))


def script() -> str:
    """The modules as one: a page from disk may not import."""
    whole = "\n".join(_text(name) for name in SCRIPTS)
    return re.sub(r"^(?:import .*\n|export )", "", whole, flags=re.MULTILINE)


def _text(name: str) -> str:
    return Path(PAGE / name).read_text(encoding="utf-8")
