"""Values on the command line, checked with one sentence for each mistake."""

import typer

from models.event_time import parse_iso


def time_option(name: str, text: str) -> int | None:
    """Nanoseconds since 1970 of an option that may be left out."""
    if not text:
        return None
    try:
        return parse_iso(text)
    except ValueError as error:
        raise typer.BadParameter(f"{name}: {error}") from error
