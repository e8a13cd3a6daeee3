"""The page of a report: HTML that needs nothing from elsewhere."""

import math
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Final

from logitkit import __version__
from logitkit.io.vocabulary import TokenText
from logitkit.jobs.estimates import Estimate
from logitkit.report import figures
from logitkit.report.scores import Scores, differences, interval
from logitkit.report.text import FULL_SCALE, sequences_as_text

_NOTHING: Final = "&ndash;"


def render(
    models: Sequence[Scores],
    *,
    title: str,
    text_of: TokenText,
    base: float,
    sequences: int,
) -> str:
    """Return the page.

    Parameters
    ----------
    models : sequence of Scores
        The tables; others are compared with the first.
    title : str
        The heading.
    text_of : callable
        The texts of tokens.
    base : float
        The base of logarithms that the scores are in.
    sequences : int
        How many sequences are shown as text.

    Returns
    -------
    str
        HTML.
    """
    unit = {math.e: " nats", 2.0: " bits"}.get(base, "")
    scale = 1.0 / math.log(base)
    parts = [
        _summary(models, base, unit),
        _differences(models, unit),
        _figures(models, unit),
        _text(models, text_of, sequences, unit, scale),
    ]
    style, script = (
        files("logitkit.report").joinpath(f"page.{kind}").read_text(encoding="utf-8")
        for kind in ("css", "js")
    )
    body = "\n".join(part for part in parts if part)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body data-by="surprisal">
<main>
<header>
<h1>{escape(title)}</h1>
<label id="theme-label">Theme <select id="theme"><option value="auto">as the system</option>
<option value="light">light</option><option value="dark">dark</option></select></label>
</header>
{body}
<footer>Made by logitkit {escape(__version__)}.</footer>
</main>
<div id="tip" role="status" hidden></div>
<script>
{script}</script>
</body>
</html>
"""


def _summary(models: Sequence[Scores], base: float, unit: str) -> str:
    heads = ["model", "tokens", "mean surprisal", "perplexity", "top-1 accuracy"]
    heads += ["calibration error", "mean entropy"]
    rows = []
    for place, model in enumerate(models):
        surprisal = model.mean(model.surprisal)
        bins = model.calibration()
        swatch = f'<span class="swatch" style="background:var(--series-{place})"></span>'
        rows.append(
            [
                swatch + escape(model.name),
                f"{int(model.valid.sum())}",
                _estimate(surprisal, unit),
                _NOTHING if math.isnan(surprisal.value) else f"{_power(base, surprisal.value):.5g}",
                _estimate(model.mean(model.correct), ""),
                _NOTHING if bins is None else f"{bins.error:.3g}",
                _estimate(model.mean(model.entropy), unit),
            ]
        )
    invalid = sum(int((~model.valid).sum()) for model in models)
    note = "Means, with intervals of 95 % that count sequences, not tokens, as independent."
    if invalid:
        note += f" {invalid} rows are not valid (NaN or infinite logits) and left out."
    return f"<h2>At a glance</h2>\n<p class='note'>{note}</p>\n{_table(heads, rows)}"


def _differences(models: Sequence[Scores], unit: str) -> str:
    if len(models) < 2:
        return ""
    heads = ["difference", "first", "second", "second less first", "95 % interval"]
    rows, notes = [], []
    for other in models[1:]:
        for found in differences(models[0], other):
            own = unit if found.what != "top-1 accuracy" else ""
            clear = found.low > 0.0 or found.high < 0.0
            change = f"{found.estimate:+.4g}{own}"
            rows.append(
                [
                    f"{escape(found.what)}, {escape(other.name)}",
                    f"{found.first:.4g}",
                    f"{found.second:.4g}",
                    f"<strong>{change}</strong>" if clear else change,
                    f"{found.low:+.3g} to {found.high:+.3g}",
                ]
            )
            notes.append(found.paired)
    pairs = "token by token" if all(notes) else "as of different texts where tokens differ"
    note = (
        f"Others less {escape(models[0].name)}, {pairs}; in bold where the interval leaves out 0."
    )
    return f"<h2>Differences</h2>\n<p class='note'>{note}</p>\n{_table(heads, rows)}"


def _figures(models: Sequence[Scores], unit: str) -> str:
    inner = f" ({unit.strip()})" if unit else ""
    drawn = [
        (
            "Entropy",
            figures.histogram(models, "entropy", f"entropy{inner}", "Histogram of the entropy"),
        ),
        (
            "Surprisal of the targets",
            figures.histogram(
                models, "surprisal", f"surprisal{inner}", "Histogram of the surprisal"
            )
            if any(model.with_targets for model in models)
            else None,
        ),
        (
            "Entropy over position",
            figures.over_position(models, f"mean entropy{inner}", "Mean entropy by position"),
        ),
        (
            "Calibration",
            figures.calibration(models, "Accuracy by the probability of the likeliest token"),
        ),
    ]
    shown = [
        f"<figure><figcaption>{caption}</figcaption>{figure}</figure>"
        for caption, figure in drawn
        if figure is not None
    ]
    note = (
        "Histograms gather what is beyond the 99.9 % quantile in their last bin. Over position, a "
        "band holds the middle half of the tokens. In the calibration diagram points are larger "
        "for more tokens; on the dashed line probabilities are right."
    )
    return (
        f"<h2>Distributions</h2>\n<p class='note'>{note}</p>\n<div class='figures'>"
        + "\n".join(shown)
        + "</div>"
    )


def _text(models: Sequence[Scores], text_of: TokenText, count: int, unit: str, scale: float) -> str:
    found = sequences_as_text(models, text_of, count, unit, scale)
    if not found:
        return ""
    choices = [("surprisal", "surprisal"), ("entropy", "entropy")]
    if len(models) > 1:
        choices.append(("change", f"change of the surprisal in {models[1].name}"))
    radios = "\n".join(
        f'<label><input type="radio" name="by" value="{value}"{" checked" if not place else ""}> '
        f"{escape(label)}</label>"
        for place, (value, label) in enumerate(choices)
    )
    blocks = "\n".join(
        f"<details{' open' if place < 3 else ''}><summary>{escape(heading)}</summary>"
        f'<div class="text" tabindex="0" role="group" aria-label="{escape(heading)}">{html}</div>'
        "</details>"
        for place, (heading, html) in enumerate(found)
    )
    full = FULL_SCALE * scale
    return f"""<h2>The worst sequences</h2>
<p class="note">Each token in the colour of how surprising it was in its place, the worst sequence
first. Point at a token, or use the arrow keys in a text, for its log-probability, its rank and what
was likelier.</p>
<fieldset><legend>Colour by</legend>
{radios}
<span class="scale">0 <i></i> {full:.3g}{escape(unit)} and more</span></fieldset>
{blocks}"""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'
        "</div>"
    )


def _estimate(estimate: Estimate, unit: str) -> str:
    if math.isnan(estimate.value):
        return _NOTHING
    low, high = interval(estimate)
    around = "" if math.isnan(low) else f" <small>{low:.3g} to {high:.3g}</small>"
    return f"{estimate.value:.4g}{unit}{around}"


def _power(base: float, exponent: float) -> float:
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf
