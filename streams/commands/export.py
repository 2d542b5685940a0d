"""`petawatch export`: results as one Parquet file."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: petawatch export day.parquet --state /var/lib/petawatch --from 2022-07-01T09:00 --what shots"
    )(export)


def export(
    out: Annotated[Path, typer.Argument(help="Parquet file to write.")],
    state: Annotated[Path, typer.Option(help="State directory of the watch.")],
    from_: Annotated[str, typer.Option("--from", help="First event time, ISO 8601; UTC without a zone.")] = "",
    to: Annotated[str, typer.Option("--to", help="Event time to stop before, ISO 8601.")] = "",
    what: Annotated[str, typer.Option(help="shots: a row per record; triplets: a row per triplet.")] = "shots",
) -> None:
    """Write results as Parquet, for DuckDB, Polars or pandas."""
    from connectors.state.reader import StateReader
    from connectors.state.row_columns import Rows
    from streams.commands.usage import time_option

    if what not in {"shots", "triplets"}:
        raise typer.BadParameter(f"--what is shots or triplets, not {what!r}")
    from_ns, to_ns = time_option("--from", from_), time_option("--to", to)
    with StateReader.open(state) as reader:
        rows = reader.export(out, from_ns, to_ns, Rows(what))
    typer.echo(f"wrote {rows} rows to {out}")
