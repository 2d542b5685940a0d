"""Versions of the model: what is copied from a terminal is whole."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console

from dashboards.model_table import print_comparison, print_versions

MODEL = "ae-0123456789ab"


@dataclass(frozen=True)
class Version:
    version: int = 3
    model: str = MODEL
    aliases: tuple[str, ...] = ("production", "candidate")
    created_ns: int = 1_656_667_800_000_000_000
    metrics: Mapping[str, float] = field(
        default_factory=lambda: {"start_error": 0.0123456, "validation_error": 0.01111, "own_error": 0.3}
    )


def console_of(width: int, *, terminal: bool = True) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)


def lines_of(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def versions(width: int, *, terminal: bool = True) -> list[str]:
    console = console_of(width, terminal=terminal)
    print_versions([(Version(), "in use"), (Version(version=4, aliases=()), "")], console)
    return lines_of(console)


def test_a_narrow_terminal_shows_a_block_per_version() -> None:
    assert versions(80) == [
        f"version 3  {MODEL}",
        "  use         in use",
        "  aliases     production candidate",
        "  registered  2022-07-01T09:30:00",
        "  metrics     own_error=0.3 start_error=0.01235 validation_error=0.01111",
        f"version 4  {MODEL}",
        "  registered  2022-07-01T09:30:00",
        "  metrics     own_error=0.3 start_error=0.01235 validation_error=0.01111",
    ]


def test_a_metric_is_never_parted_from_its_value() -> None:
    for width in range(40, 80):
        text = "\n".join(versions(width))
        for metric in ("own_error=0.3", "start_error=0.01235", "validation_error=0.01111"):
            assert metric in text, (width, metric)


def test_a_wide_terminal_shows_a_table() -> None:
    lines = versions(150)
    row = next(line for line in lines if line.startswith("│       3 │"))
    for cell in (MODEL, "in use", "production candidate", "own_error=0.3 start_error=0.01235 validation_error=0.01111"):
        assert f"│ {cell} " in row, cell


def test_without_a_terminal_each_version_is_a_line() -> None:
    metrics = "own_error=0.3 start_error=0.01235 validation_error=0.01111"
    assert versions(20, terminal=False) == [
        f"3  {MODEL}  in use  production candidate  2022-07-01T09:30:00  {metrics}",
        f"4  {MODEL}  2022-07-01T09:30:00  {metrics}",
    ]


def test_names_in_a_comparison_are_whole() -> None:
    console = console_of(80)
    print_comparison(
        [("network_sha256", "7f" * 32, "8a" * 32), ("validation_error[x]", "0.01", None)], ("3", "4"), console
    )
    lines = lines_of(console)
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("│ network_sha256 ") for line in lines)
    assert any(line.startswith("│ validation_error[x] │ 0.01 ") for line in lines)
