"""A report as one HTML page: nothing is loaded, pictures are in it, twice: for light and for dark screens."""

import base64
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from evaluation.figures import draw_calibration, draw_confusion, draw_curves, draw_inside
from evaluation.measures import BINS, Evaluation
from figures.run_groups import RunGroup
from figures.style import DARK, LIGHT, Theme, percent
from models import Model

DPI = 120
MAX_SHOWN = 48  # images in a gallery
MAX_PAIRS = 10
STYLE = Path(__file__).with_name("page.css")


@dataclass(frozen=True, eq=False)
class Report:
    """What a page is about."""

    model_path: Path
    model: Model
    data_dir: Path
    images: np.ndarray  # (N, rows, columns) in [0, 1]
    evaluation: Evaluation
    names: list[str]  # of the classes
    run: RunGroup | None  # the training's log

    @property
    def predictions(self) -> list[str]:
        """What the network takes each image for."""
        return [self.names[label] for label in self.evaluation.predicted]


def page(report: Report) -> str:
    """The whole page."""
    title = f"{escape(report.model_path.name)}: {percent(report.evaluation.accuracy)}"
    sections = [
        numbers(report),
        classes(report),
        calibration(report),
        *gallery_sections(report),
        inside(report),
        *([curves(report.run)] if report.run else []),
        facts(report),
    ]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
<h1>{escape(report.model_path.name)}</h1>
<p>{escape(report.model.summary)}, {report.model.parameters:,} parameters,
on the {len(report.images):,} test images in {escape(str(report.data_dir))}</p>
</header>
{"".join(sections)}</body>
</html>
"""


def numbers(report: Report) -> str:
    e = report.evaluation
    low, high = e.interval
    shown = [
        ("accuracy", percent(e.accuracy), f"95 % interval {percent(low)} to {percent(high)} (Wilson)"),
        ("loss", f"{e.loss:.4f}", "mean cross-entropy"),
        ("calibration-error", percent(e.calibration.error), "expected calibration error"),
        ("mistakes", f"{len(e.mistakes):,}", f"of {len(e.labels):,} images"),
    ]
    cells = "".join(
        f'<div><strong id="{name}">{value}</strong><b>{name.replace("-", " ")}</b><span>{more}</span></div>\n'
        for name, value, more in shown
    )
    return f'<section class="numbers">\n{cells}</section>\n'


def classes(report: Report) -> str:
    e, names = report.evaluation, report.names
    columns = (e.confusion.sum(axis=1), e.precision, e.recall, e.f1)
    rows = [
        (name, str(count), *map(percent, shares))
        for name, count, *shares in zip(names, *columns, strict=True)
    ]
    wrong = e.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = [int(i) for i in np.argsort(-wrong, axis=None, kind="stable")[:MAX_PAIRS] if wrong.flat[i]]
    pairs = [(names[i // len(names)], names[i % len(names)], str(wrong.flat[i])) for i in order]
    draw = partial(draw_confusion, evaluation=e, names=names)
    picture = figure_html(draw, (5.6, 5.6), "Confusion matrix: labels by predictions")
    header = ("most frequent mistake: label", "prediction", "images")
    return section(
        "Classes",
        f'<div class="beside">{picture}<div>'
        + table("classes", ("class", "images", "precision", "recall", "F1"), rows)
        + (table("confusions", header, pairs) if pairs else "")
        + "</div></div>\n",
    )


def calibration(report: Report) -> str:
    e = report.evaluation
    picture = figure_html(
        partial(draw_calibration, evaluation=e),
        (5.6, 4.6),
        "Accuracy by confidence, and images by confidence",
    )
    text = (
        "<p>How often a prediction is right, by how sure the network says it is: on the dashed line it is"
        " right as often as it says, below it is too sure of itself. The error is the mean distance from"
        f" that line, each of {BINS} bins weighted by its images (Guo et al. 2017).</p>"
    )
    return section("Calibration", f'<div class="beside">{picture}<div>{text}</div></div>\n')


def gallery_sections(report: Report) -> list[str]:
    """Suspected wrong labels, and the other mistakes."""
    e = report.evaluation
    others = e.mistakes[~np.isin(e.mistakes, e.suspects)]
    method = (
        "<p>Confident learning (Northcutt et al. 2021): the network is as sure of another class as it is on"
        " average of that class in the images which bear its label. A look decides which of them is wrong;"
        " of a weak network most are mistakes of its own.</p>\n"
    )
    return [
        section("Suspected wrong labels", method + gallery("suspects", report, e.suspects)),
        section("Other mistakes", gallery("mistakes-shown", report, others)),
    ]


def gallery(name: str, report: Report, indices: np.ndarray) -> str:
    """Images with label, prediction and confidence, the most confident first."""
    e, names, shown = report.evaluation, report.names, indices[:MAX_SHOWN]
    count = f"<p>{len(shown)} of {len(indices):,}, the most confident first: label → prediction.</p>\n"
    items = []
    for i in shown:
        label, prediction = escape(names[e.labels[i]]), escape(names[e.predicted[i]])
        alt = f"image {i}: label {label}, prediction {prediction}"
        items.append(
            f'<figure title="image {i}"><img class="digit" src="{ink_uri(report.images[i])}" alt="{alt}">'
            f"<figcaption>{label} → {prediction}<br><small>{percent(e.confidence[i])}</small></figcaption>"
            "</figure>\n"
        )
    return f'{count}<div class="gallery" id="{name}">\n{"".join(items)}</div>\n'


def inside(report: Report) -> str:
    draw = partial(draw_inside, model=report.model, images=report.images, predictions=report.predictions)
    return section("Inside the network", figure_html(draw, (7.0, 5.6), "What the network has learned"))


def curves(run: RunGroup) -> str:
    picture = figure_html(partial(draw_curves, run=run), (10.0, 3.8), "Loss and accuracy by epoch")
    return section("Training", f"{picture}<p>From {escape(str(run.logs[0].path))}.</p>\n")


def facts(report: Report) -> str:
    """What the file says of the model: its metadata, and the settings of its training."""
    metadata = {"program": report.model.program, **report.model.metadata}
    rows = [(name, text) for name, text in metadata.items() if name not in ("options", "class_names")]
    tables = table("metadata", ("metadata", ""), rows)
    if settings := report.model.settings:
        values = [(key, v if isinstance(v, str) else json.dumps(v)) for key, v in settings.items()]
        tables += table("settings", ("setting", ""), values)
    return section("The model's file", f'<div class="beside">{tables}</div>\n')


def section(title: str, content: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{content}</section>\n"


def table(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<table id="{name}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n'


def figure_html(draw: Callable[..., None], inches: tuple[float, float], alt: str) -> str:
    """The picture that `draw(figure, theme=...)` makes, for either paper; printers have the light one."""

    def uri(theme: Theme) -> str:
        figure = Figure(inches, facecolor=theme.paper, layout="constrained")
        draw(figure, theme=theme)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI)
        return png_uri(Image.open(buffer).convert("RGB").quantize(256))  # small

    dark = f'<source media="screen and (prefers-color-scheme: dark)" srcset="{uri(DARK)}">'
    light = f'<img src="{uri(LIGHT)}" alt="{escape(alt)}" width="{96 * inches[0]:.0f}">'
    return f"<picture>{dark}{light}</picture>\n"


def ink_uri(image: np.ndarray) -> str:
    """An image (rows, columns) in [0, 1], as black ink on white."""
    return png_uri(Image.fromarray(np.rint(255 * (1 - image)).astype(np.uint8)))


def png_uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
