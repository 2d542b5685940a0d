"""What commands have in common: sentences for whoever started them, and values checked with one for each mistake."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import typer

from dashboards.printable import printable
from models.event_time import parse_iso


def tell(sentence: str) -> None:
    """Say something beside the results, on one line of the standard error."""
    typer.echo(f"petawatch: {printable(' '.join(sentence.split()))}", err=True)


def tell_all(troubles: Iterable[str]) -> int:
    """Say what is missing, a sentence a line; the exit code: 1 when something is."""
    told = 0
    for sentence in troubles:
        tell(sentence)
        told = 1
    return told


def called_as(program: str) -> str:
    """How whoever called this program calls it again: by its path, unless its name alone finds it.

    Parameters
    ----------
    program
        ``sys.argv[0]``; what is not named ``petawatch``, as a module of Python, says nothing.
    """
    name = Path(program).name
    if name != "petawatch":
        return "petawatch"
    found = shutil.which(name)
    return name if found is not None and Path(found).resolve() == Path(program).resolve() else program


def time_option(name: str, text: str) -> int | None:
    """Nanoseconds since 1970 of an option that may be left out."""
    if not text:
        return None
    try:
        return parse_iso(text)
    except ValueError as error:
        raise typer.BadParameter(f"{name}: {error}") from error


def stretch_options(from_text: str, to_text: str) -> tuple[int | None, int | None]:
    """``--from`` and ``--to`` in nanoseconds since 1970, each of which may be left out."""
    from_ns, to_ns = time_option("--from", from_text), time_option("--to", to_text)
    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        raise typer.BadParameter("--from must lie before --to")
    return from_ns, to_ns
