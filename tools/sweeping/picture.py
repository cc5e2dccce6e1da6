"""The picture of a sweep: how much each parameter mattered, and the validation loss over its values."""

import math

import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from optuna.trial import FrozenTrial, TrialState

from figures.style import LIGHT, as_letters, style_axes
from sweeping.search_space import Parameter


def importance_of(study: optuna.Study) -> dict[str, float]:
    """By parameter, the largest first, adding up to 1 (PED-ANOVA); empty while there are too few trials."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len({trial.value for trial in complete}) < 4:
        return {}
    return optuna.importance.get_param_importances(study)


def figure_of(study: optuna.Study, parameters: list[Parameter], best: FrozenTrial) -> Figure:
    """A bar for each parameter, and a panel with a point for each complete trial, of which `best` stands out."""
    count = len(parameters) + 1
    columns = 2 if count in (2, 4) else 3
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(4.4 * columns, 3.4 * rows), layout="constrained", facecolor=LIGHT.paper)
    panels = iter(figure.subplots(rows, columns, squeeze=False).flat)
    importance = importance_of(study)
    bars = next(panels)
    style_axes(bars, "Parameter importance")
    bars.barh([as_letters(name) for name in importance], list(importance.values()), color=LIGHT.line(0))
    bars.set_xlim(0, 1)
    bars.invert_yaxis()
    names = {parameter.name: parameter for parameter in parameters}
    for name in importance or names:
        _draw_values(next(panels), study, names[name], best)
    for empty in panels:
        empty.set_visible(False)
    return figure


def _draw_values(axes: Axes, study: optuna.Study, parameter: Parameter, best: FrozenTrial) -> None:
    style_axes(axes, as_letters(parameter.name))
    place = {choice: i for i, choice in enumerate(parameter.tune.choices)}
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    for trials, name, colour, alpha in (
        (complete, "trials", LIGHT.line(0), 0.6),
        ([best], "the best", LIGHT.line(1), 1),
    ):
        values = [place.get(trial.params[parameter.name], trial.params[parameter.name]) for trial in trials]
        axes.plot(values, [trial.value for trial in trials], "o", color=colour, alpha=alpha, label=name)
    axes.set_yscale("log")
    if parameter.tune.log:
        axes.set_xscale("log")
    for axis in [axes.yaxis, *([axes.xaxis] if parameter.tune.log else [])]:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    if place:
        axes.set_xticks(range(len(place)), [as_letters(choice) for choice in place])
        axes.set_xlim(-0.5, len(place) - 0.5)
    axes.set_ylabel("validation loss")
    axes.legend(frameon=False, labelcolor=LIGHT.text)
