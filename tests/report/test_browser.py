"""The page in a real browser: it shows what it should, to eyes, mice and keyboards."""

import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from logitkit.jobs import report, score
from matplotlib.image import imread
from numpy.typing import NDArray

from .browser import page_after, screenshot

EXAMPLES = Path(__file__).parents[2] / "examples" / "lm"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    for name in ("base", "int4"):
        score(EXAMPLES / f"{name}.safetensors", folder / f"{name}.npz", top_k=5)
    tables = [folder / "base.npz", folder / "int4.npz"]
    report(tables, folder / "r.html", vocab=EXAMPLES / "vocab.json", title="Two models")
    return folder / "r.html"


def pixels(path: Path) -> NDArray[np.float64]:
    image: NDArray[np.float64] = imread(path)[..., :3]
    return image


def close_to(image: NDArray[np.float64], colour: str) -> float:
    """The share of an image that is nearly of a colour."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return float((np.abs(image - wanted).max(-1) < 0.02).mean())


def test_light_and_dark(page: Path) -> None:
    light = pixels(screenshot(page, 1200, 2000))
    assert light.shape == (2000, 1200, 3)
    dark = pixels(screenshot(page, 1200, 2000, "--blink-settings=preferredColorScheme=0"))
    for image, card, ink, series in (
        (light, "#ffffff", "#1d2430", ("#0b62c4", "#d1491b")),
        (dark, "#1a1f28", "#e8ebf1", ("#6fb1ff", "#ff9a70")),
    ):
        assert close_to(image, card) > 0.3
        assert 0.001 < close_to(image, ink) < 0.1
        for colour in series:
            assert 0.0003 < close_to(image, colour) < 0.1
    # Tokens are coloured: something reddish that is no line of a figure.
    text = light[1500:]
    assert ((text[..., 0] - text[..., 2]) > 0.2).mean() > 0.005


def test_narrow(page: Path) -> None:
    script = """
      document.body.dataset.wide = document.documentElement.scrollWidth - innerWidth;
    """
    copy = page_after(page, script)
    assert int(re.findall(r'data-wide="(-?\d+)"', copy)[0]) <= 0
    assert pixels(screenshot(page, 500, 1200)).shape == (1200, 500, 3)


def test_the_mouse(page: Path) -> None:
    shown = page_after(page, """
      const token = document.querySelectorAll(".text .t")[3];
      token.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
      document.body.dataset.expected = token.dataset.d;
    """)  # fmt: skip
    tip = re.findall(r'<div id="tip" role="status"[^>]*>(.*?)</div>', shown, re.DOTALL)[0]
    expected = re.findall(r'data-expected="([^"]*)"', shown)[0]
    assert unescape(tip) == unescape(expected)
    assert "hidden" not in re.findall(r'<div id="tip"[^>]*>', shown)[0]
    for what in ("log-probability -", "rank ", "entropy ", "likeliest:", "surprisal in "):
        assert what in tip


@pytest.mark.parametrize("window", ["in front", "behind"])
def test_the_keyboard(page: Path, window: str) -> None:
    # A window that is not in front has no events of the focus; Chromium's may come there late.
    ignored = "event => { if (event.isTrusted) event.stopImmediatePropagation(); }"
    behind = "".join(f'addEventListener("{e}", {ignored}, true);' for e in ("focus", "blur"))
    shown = page_after(page, (behind if window == "behind" else "") + """
      const text = document.querySelector(".text"), places = [];
      const look = () =>
        places.push([...text.querySelectorAll(".t")].indexOf(text.querySelector(".at")));
      const press = key => {
        text.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
        look();
      };
      let told = false;
      text.addEventListener("focus", () => { told = true; });
      text.focus();
      if (!told) text.dispatchEvent(new FocusEvent("focus"));
      look();
      for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "ArrowUp",
                         "Home", "ArrowLeft", "ArrowDown", "x"]) press(key);
      document.body.dataset.places = JSON.stringify(places);
      document.body.dataset.reached = document.activeElement === text;
      press("Escape");
      document.body.dataset.left = document.getElementById("tip").hidden;
    """)  # fmt: skip
    places = json.loads(unescape(re.findall(r'data-places="([^"]*)"', shown)[0]))
    # The slice has 16 tokens in a sequence.
    assert places == [0, 1, 2, 1, 15, 15, 5, 0, 0, 10, 10]
    assert 'data-reached="true"' in shown
    assert 'data-left="true"' in shown


def test_choices(page: Path) -> None:
    shown = page_after(page, """
      const seen = {};
      for (const choice of document.querySelectorAll("input[name=by]")) {
        choice.click();
        seen[choice.value] = [...document.querySelectorAll(".text .t")].slice(0, 30)
          .map(token => getComputedStyle(token).backgroundColor).join(" ");
      }
      document.body.dataset.different = new Set(Object.values(seen)).size;
      const theme = document.getElementById("theme"), papers = [];
      for (const value of ["light", "dark"]) {
        theme.value = value;
        theme.dispatchEvent(new Event("change"));
        papers.push(getComputedStyle(document.body).backgroundColor);
      }
      document.body.dataset.papers = papers.join(";");
    """)  # fmt: skip
    assert 'data-different="3"' in shown
    assert 'data-papers="rgb(251, 250, 248);rgb(18, 21, 27)"' in shown


def test_hostile_texts(tmp_path: Path) -> None:
    attacks = [
        "<script>document.body.dataset.owned = 1</script>",
        '"><img src=x onerror="document.body.dataset.owned = 1">',
        "' onmouseover='document.body.dataset.owned = 1' x='",
        "</div></details></main><h1>gone</h1>",
        "<!-- ", "]]>", "\u202e\ud800", "&lt;b&gt;", "\0", "{{x}}${y}",
    ]  # fmt: skip
    (tmp_path / "vocab.json").write_text(json.dumps(attacks))
    np.save(tmp_path / "<b>a.npy", np.zeros((2, 8, len(attacks)), np.float32))
    np.save(tmp_path / "t.npy", np.arange(16).reshape(2, 8) % len(attacks))
    score(tmp_path / "<b>a.npy", tmp_path / "s.csv", targets=tmp_path / "t.npy", top_k=5)
    title = "</title><script>document.body.dataset.owned = 1</script>"
    report(tmp_path / "s.csv", tmp_path / "r.html", vocab=tmp_path / "vocab.json", title=title)
    shown = page_after(tmp_path / "r.html", """
      for (const token of document.querySelectorAll(".t"))
        token.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
      document.body.dataset.count = document.querySelectorAll(".text .t").length;
      document.body.dataset.headings = document.querySelectorAll("h1").length;
      document.body.dataset.first = document.querySelectorAll(".text .t")[0].textContent;
    """)  # fmt: skip
    body = re.findall(r"<body[^>]*>", shown)[0]
    assert "data-owned" not in body
    assert 'data-count="16"' in body
    assert 'data-headings="1"' in body
    assert unescape(re.findall(r'data-first="([^"]*)"', body)[0]) == attacks[0]
