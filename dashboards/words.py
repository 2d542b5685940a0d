"""Times, sizes and counts as pages, reports and commands write them."""

import math
from collections.abc import Mapping
from urllib.parse import urlencode

from models.event_time import MINUTE_NS, format_iso

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def time_words(time_ns: int | None, *, seconds: bool = False) -> str:
    """In UTC to the millisecond, or only to the second; ``-`` for none."""
    if time_ns is None:
        return "-"
    words = format_iso(time_ns)[:-1].replace("T", " ")
    return words[:-4] if seconds else words


def utc_words(time_ns: int | None, *, seconds: bool = False) -> str:
    """The same where no heading says that it is UTC."""
    return "-" if time_ns is None else f"{time_words(time_ns, seconds=seconds)} UTC"


def minute_words(time_ns: int) -> str:
    """In UTC, without seconds where they are none."""
    words = time_words(time_ns, seconds=True)
    return words[:-3] if time_ns % MINUTE_NS == 0 else words


def span_words(seconds: float | None) -> str:
    """For example ``1.5 h``; ``-`` for none."""
    if seconds is None:
        return "-"
    length, unit = next(((length, unit) for length, unit in _UNITS if abs(seconds) >= length), _UNITS[-1])
    return f"{seconds / length:.1f} {unit}"


def size_words(size_bytes: float) -> str:
    """For example ``3.2 GB``."""
    for length, unit in _SIZES:
        if size_bytes >= length:
            return f"{size_bytes / length:.1f} {unit}"
    return f"{size_bytes:.0f} bytes"


def count_words(number: int | None) -> str:
    """With a comma after each three digits; ``-`` for none."""
    return "-" if number is None else f"{number:,}"


def counted(number: int, singular: str) -> str:
    """For example ``1 camera`` and ``1,000 cameras``."""
    return f"{number:,} {singular}" if number == 1 else f"{number:,} {singular}s"


def percent_words(part: int, whole: int) -> str:
    """A part of a whole in percent, rounded down: 100 is all of them; ``-`` of nothing."""
    return f"{10_000 * part // whole / 100:.2f}" if whole else "-"


def figure_words(value: float, digits: str = ".3g") -> str:
    """A measured value to three digits, or as said; ``-`` when it is not known."""
    return f"{value:{digits}}" if math.isfinite(value) else "-"


def sentence_words(sentence: str) -> str:
    """With a capital and a full stop."""
    return f"{sentence[:1].upper()}{sentence[1:]}."


def plain_words(name: str) -> str:
    """A bounded word of the results (``missing_image``) as it is read."""
    return name.replace("_", " ")


def link(path: str, **asked: object) -> str:
    """A path with what is asked of it; what is empty is left out."""
    query = urlencode({name.rstrip("_"): str(value) for name, value in asked.items() if value not in ("", None, False)})
    return f"{path}?{query}" if query else path


def changed_link(path: str, asked: Mapping[str, object], **changes: object) -> str:
    """The link to the same page with something else asked."""
    return link(path, **{**asked, **{name.rstrip("_"): value for name, value in changes.items()}})
