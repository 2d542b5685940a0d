"""How shift reports are made."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """For ``petawatch report``.

    Attributes
    ----------
    chromium
        The program that prints a report as PDF: a path or a name; empty looks for Chromium under its usual names.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    chromium: str = ""
