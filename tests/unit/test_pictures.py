"""The pictures of the documentation are those that ``make pictures`` makes, and none is too large."""

import re
from pathlib import Path

from tests.browser.pictures.pictures import MOST_BYTES, NAMES

_ROOT = Path(__file__).parents[2]
_IMAGES = _ROOT / "docs" / "images"


def test_every_picture_that_is_shown_is_made_and_every_one_that_is_made_is_shown() -> None:
    pages = [_ROOT / "README.md", *(_ROOT / "docs").rglob("*.md")]
    shown = {
        Path(found).name
        for page in pages
        for found in re.findall(r"!\[[^\]]*\]\(([^)]*images/[^)]+)\)", page.read_text())
    }
    assert shown == NAMES
    assert {path.name for path in _IMAGES.iterdir()} == NAMES


def test_no_picture_is_large() -> None:
    for path in _IMAGES.iterdir():
        assert path.stat().st_size <= MOST_BYTES, path.name
