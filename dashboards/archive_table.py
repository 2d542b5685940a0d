"""The archive for eyes: what waits, what was left out, which cartridges there are."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from dashboards.printable import printable
from dashboards.words import plain_words, span_words

_MEGABYTE = 1_000_000


def print_archive(status: Mapping[str, Any], console: Console) -> None:
    """A table on a terminal, one line per count elsewhere; ``status`` as ``archive_status`` gives it."""
    if console.is_terminal:
        table = Table("sink", "files waiting", "MB", "oldest", "why", title="Archive")
        for column in (1, 2, 3):
            table.columns[column].justify = "right"
        for sink, lag in status["waiting"].items():
            size = f"{lag['bytes'] / _MEGABYTE:,.1f}"
            table.add_row(sink, f"{lag['files']:,}", size, span_words(lag["oldest_s"]), printable(lag["error"]))
        console.print(table)
    else:
        for sink, lag in status["waiting"].items():
            words = f"{sink} waiting {lag['files']} files {lag['bytes']} bytes oldest {span_words(lag['oldest_s'])}"
            _print_line(console, f"{words} {lag['error']}".rstrip())
    for line in _lines(status):
        _print_line(console, line)


def _lines(status: Mapping[str, Any]) -> Iterator[str]:
    for name, count in status["counts"].items():
        yield f"{plain_words(name)} {count}"
    for left_out in status["left_out"]:
        yield f"left out {left_out['at']} {left_out['reason']} {left_out['sentence']}"
    if status["states"]:
        yield f"a facility's states until {status['states']['until']}"
        yield f"stretches that give the same again {status['states']['same']}"
        yield f"stretches that give something else {status['states']['different']}"
    for each in status["states"].get("differing", ()):
        yield f"something else from {each['from']} to {each['to']} {'; '.join(each['differences'])}"
    for state, count in status["cartridges"].items():
        yield f"cartridges {state} {count}"
    if status["catalog_error"]:
        yield f"catalog {status['catalog_error']}"


def _print_line(console: Console, line: str) -> None:
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
