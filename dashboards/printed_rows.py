"""Rows for eyes and for pipes: a table where the terminal has room for it, else a block per row; piped, lines."""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dashboards.printable import printable

# What a table adds to each column: a blank on both sides, and a border.
_FRAME = 3


def table_fits(columns: Sequence[str], rows: Iterable[Sequence[str]], console: Console) -> bool:
    """Whether a table has room on this terminal with each cell in one line."""
    widths = [max(map(cell_len, cells)) for cells in zip(columns, *rows, strict=True)]
    return sum(widths) + _FRAME * len(widths) + 1 <= console.width


def print_rows(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    console: Console,
    *,
    none: str,
    headed_by: int = 1,
    right: Iterable[str] = (),
    piped_heads: bool = True,
) -> None:
    """A table with heads: on a terminal as wide as that, else a block per row; lines without a terminal.

    Parameters
    ----------
    rows
        Whose cells may be texts from elsewhere.
    none
        What is said when there are no rows.
    headed_by
        How many cells head a block.
    right
        The columns that hold numbers.
    piped_heads
        Not for lists that scripts read by lines alone.
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    if not shown:
        console.print(none, markup=False, highlight=False, soft_wrap=True)
    elif not console.is_terminal:
        _write_lines((columns, *shown) if piped_heads else shown, console)
    elif table_fits(columns, shown, console):
        print_table(title, columns, shown, console, right=right)
    else:
        names = columns[headed_by:]
        blocks = [(" ".join(row[:headed_by]), list(zip(names, row[headed_by:], strict=True))) for row in shown]
        print_blocks(blocks, console)


def print_lines(columns: Sequence[str], rows: Iterable[Sequence[str]], console: Console) -> None:
    """Without a terminal: a line per row with tabs between its cells, below one with the names of the columns.

    Parameters
    ----------
    rows
        Whose cells may be texts from elsewhere.
    """
    _write_lines([columns, *([printable(cell) for cell in row] for row in rows)], console)


def _write_lines(rows: Iterable[Sequence[str]], console: Console) -> None:
    for row in rows:
        # The console itself would turn tabs into blanks.
        console.file.write("\t".join(row) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], console: Console, *, right: Iterable[str] = ()
) -> None:
    """A table in which no cell is broken, where ``table_fits``; the columns named in ``right`` hold numbers."""
    table = Table(title=title)
    numbers = set(right)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def print_blocks(blocks: Iterable[tuple[str, Sequence[tuple[str, str]]]], console: Console) -> None:
    """A block per row: its title, and below it a name and a value per line, those without a value left out.

    Values go on below themselves where they are longer than the line, and are broken between words.
    """
    for title, values in blocks:
        # The terminal itself breaks a title that is too long: a name that is copied from it stays one word.
        console.print(Text(title, "bold"), soft_wrap=True)
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in values:
            if value:
                grid.add_row(name, Text(value))
        console.print(Padding(grid, (0, 0, 0, 2), expand=False))
