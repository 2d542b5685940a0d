"""Settings of the console."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """How browsers reach the console, and how long they stay signed in.

    Attributes
    ----------
    hosts
        Names by which browsers may ask for it, besides its address and the one in ``links.address``; others are
        refused, as a foreign page could take such a name for its own.
    certificate_file, key_file
        PEM; with both it speaks TLS by itself.
    proxies
        Addresses of proxies before it; what they say about the browser's address and about TLS is believed.
    idle_h
        A session in which nobody does anything for so long ends; one of a viewer, who can change nothing, does not.
    session_h
        Every session of an operator or admin ends after so long: a shift and its handover.
    viewer_session_h
        A viewer's ends after so long: walls are viewers.
    stale_after_s
        What is older, by its shot, is shown as old. A minute's snapshot is up to two minutes old when the next comes.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    hosts: tuple[str, ...] = ()
    certificate_file: Path | None = None
    key_file: Path | None = None
    proxies: tuple[str, ...] = ()
    idle_h: float = 2.0
    session_h: float = 16.0
    viewer_session_h: float = 720.0
    stale_after_s: float = 180.0

    def __post_init__(self) -> None:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together: give both, or none")
        if not 0 < self.idle_h <= self.session_h or self.viewer_session_h <= 0:
            raise ValueError("idle_h, session_h and viewer_session_h must be above 0, and idle_h at most session_h")
        if self.stale_after_s <= 0:
            raise ValueError("stale_after_s must be above 0")
