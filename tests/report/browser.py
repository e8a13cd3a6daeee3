"""Debian's Chromium without a window: what it makes of a page."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TIMEOUT = 120


def chromium(page: Path, *options: str) -> str:
    """Open a page, without a network; return what Chromium prints."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if program is None:
        pytest.skip("NOT TESTED, the page in a browser: there is no Chromium")
    command = [
        program, "--headless=new", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
        f"--user-data-dir={page.parent / 'profile'}", "--virtual-time-budget=2000",
        # No name is found: what the page would fetch it cannot have.
        "--host-resolver-rules=MAP * ~NOTFOUND",
        *(["--no-sandbox"] if os.name != "nt" and os.geteuid() == 0 else []),
        *options,
        page.as_uri(),
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, timeout=TIMEOUT)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout.decode("utf-8")


def page_after(page: Path, script: str) -> str:
    """Return what a page holds after a script of a visitor's doings has run in it."""
    copy = page.with_name("visited.html")
    html = page.read_text(encoding="utf-8")
    copy.write_text(html.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    return chromium(copy, "--dump-dom")


def screenshot(page: Path, width: int, height: int, *options: str) -> Path:
    """Return a picture of a page."""
    path = page.with_suffix(f".{width}.png")
    chromium(page, f"--screenshot={path}", f"--window-size={width},{height}", *options)
    return path
