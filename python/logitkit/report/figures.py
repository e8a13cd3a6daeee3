"""The figures of a report, as SVG that takes its colours from the page."""

import io
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.report.scores import Scores

# Stand-ins, replaced by the page's variables, so that figures follow its light and dark theme.
_INK: Final = "#010101"
_GRID: Final = "#020202"
_SERIES: Final = ("#030301", "#030302", "#030303", "#030304", "#030305", "#030306")
_VARIABLES: Final = {
    _INK: "var(--ink)",
    _GRID: "var(--grid)",
    **{colour: f"var(--series-{place})" for place, colour in enumerate(_SERIES)},
}

MOST_MODELS: Final = len(_SERIES)
"""How many models have a colour of their own."""

_STYLE: Final = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "xtick.color": _GRID,
    "ytick.color": _GRID,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_SIZE: Final = (5.6, 3.3)


def histogram(models: Sequence[Scores], column: str, label: str, alt: str) -> str:
    """Draw how a quantity of the tokens is distributed, for each model.

    Parameters
    ----------
    models : sequence of Scores
        The tables.
    column : str
        The attribute of `Scores`.
    label : str
        The name of the axis.
    alt : str
        What the figure shows, for those who do not see it.

    Returns
    -------
    str
        The figure.
    """
    values = [_finite(getattr(model, column)) for model in models]
    # A few extremes would press all else into a corner.
    upper = max((float(np.quantile(v, 0.999)) for v in values if v.size), default=1.0)
    edges = np.linspace(0.0, upper or 1.0, 61)

    def draw(axes: Any) -> None:
        for place, (model, some) in enumerate(zip(models, values, strict=True)):
            counts, _ = np.histogram(np.minimum(some, edges[-1]), edges)
            axes.stairs(
                counts / max(1, some.size), edges, color=_SERIES[place], linewidth=1.6,
                fill=len(models) == 1, alpha=0.85 if len(models) == 1 else 1.0, label=model.name,
            )  # fmt: skip
        axes.set_xlim(0.0, edges[-1])
        axes.set_xlabel(label)
        axes.set_ylabel("share of tokens")

    return _figure(draw, len(models), alt)


def over_position(models: Sequence[Scores], label: str, alt: str) -> str | None:
    """Draw the mean entropy at each position of the sequences; None if none has positions."""
    if all(model.positions is None for model in models):
        return None

    def draw(axes: Any) -> None:
        for place, model in enumerate(models):
            if model.positions is None:
                continue
            x, middle, low, high = _by_position(model.positions, model.entropy)
            axes.plot(x, middle, color=_SERIES[place], linewidth=1.6, label=model.name)
            if len(models) == 1:
                axes.fill_between(x, low, high, color=_SERIES[place], alpha=0.2, linewidth=0)
        axes.set_ylim(bottom=0.0)
        axes.set_xlabel("position")
        axes.set_ylabel(label)

    return _figure(draw, len(models), alt)


def calibration(models: Sequence[Scores], alt: str) -> str | None:
    """Draw how often the likeliest token is right, by how likely it is; None without targets."""
    found = [(place, model, model.calibration()) for place, model in enumerate(models)]
    if all(bins is None for *_, bins in found):
        return None

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=_GRID, linewidth=1.2, linestyle="--")
        for place, model, bins in found:
            if bins is None:
                continue
            there = bins.count > 0
            size = 12 + 90 * bins.count[there] / bins.count.max()
            colour = _SERIES[place]
            axes.plot(bins.confidence[there], bins.accuracy[there], color=colour, linewidth=1.2)
            axes.scatter(
                bins.confidence[there], bins.accuracy[there], size, color=colour, alpha=0.8,
                label=model.name, linewidths=0,
            )  # fmt: skip
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("probability of the likeliest token")
        axes.set_ylabel("share of times it is the target")

    return _figure(draw, len(models), alt)


def _by_position(positions: NDArray[Any], entropy: NDArray[np.float64]) -> tuple[Any, ...]:
    """Return positions, and mean and quartiles of the entropy there, some together if many."""
    there = ~np.isnan(entropy)
    positions, entropy = positions[there], entropy[there]
    width = max(1, -(-(int(positions.max()) + 1) // 200)) if positions.size else 1
    groups = positions // width
    x, middle, low, high = [], [], [], []
    for group in np.unique(groups):
        some = entropy[groups == group]
        x.append(group * width + (width - 1) / 2)
        middle.append(some.mean())
        quartiles = np.quantile(some, [0.25, 0.75])
        low.append(quartiles[0])
        high.append(quartiles[1])
    return x, middle, low, high


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]


def _figure(draw: Any, models: int, alt: str) -> str:
    # Without pyplot, which keeps figures and looks for a display.
    import matplotlib
    from matplotlib.figure import Figure

    # From the text alone, so that equal reports are equal files.
    options = _STYLE | {"svg.hashsalt": alt}
    with matplotlib.rc_context(options):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        draw(axes)
        if models > 1:
            axes.legend()
        buffer = io.StringIO()
        # Dates and versions, of no use to the reader.
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    return _embedded(buffer.getvalue(), alt)


def _embedded(svg: str, alt: str) -> str:
    """Return a figure as it stands inside a page: without a size, with names of its own."""
    from html import escape

    svg = svg[svg.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    prefix = "f" + re.sub(r"\W+", "", alt)[:40]
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'(xlink:href="#|href="#|url\(#)', rf"\1{prefix}-", svg)
    view = re.search(r'viewBox="[^"]+"', svg)
    assert view is not None
    head = f'<svg {view[0]} role="img" aria-label="{escape(alt)}" class="figure"'
    svg = re.sub(r"<svg[^>]*", head + ' xmlns:xlink="http://www.w3.org/1999/xlink"', svg, count=1)
    return re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
