"""`petawatch report`: what one shift hands to the next."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: petawatch report --state /var/lib/petawatch --from 2022-07-01T06:00 --to 2022-07-01T14:00 "
        "--out shift.pdf"
    )(report)


def report(
    state: Annotated[Path, typer.Option(help="State directory of the watch.")],
    from_: Annotated[str, typer.Option("--from", help="First event time, ISO 8601; UTC without a zone.")],
    to: Annotated[str, typer.Option("--to", help="Event time to stop before, ISO 8601.")],
    out: Annotated[
        list[Path], typer.Option(help="File to write, .html or .pdf; PDF is printed by Chromium. Repeatable.")
    ],
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
) -> None:
    """Write what one shift hands to the next: incidents, how steady the beams were, what came, what is open."""
    from connectors.clock import SystemClock
    from streams.commands.usage import stretch_options
    from streams.report.gathering import gather_report
    from streams.report.reported_stretch import ReportedStretch
    from streams.report.writing import written_report
    from streams.settings import load_settings

    from_ns, to_ns = stretch_options(from_, to)
    if from_ns is None or to_ns is None:
        raise typer.BadParameter("--from and --to are needed")
    wrong = [path for path in out if path.suffix.lower() not in {".html", ".pdf"}]
    if wrong:
        raise typer.BadParameter(f"--out ends with .html or .pdf, not as {wrong[0]}")
    settings = load_settings(config)
    gathered = gather_report(state, settings, ReportedStretch(from_ns=from_ns, to_ns=to_ns), SystemClock().now_ns())
    for path in out:
        written_report(gathered, path, settings.report)
        typer.echo(f"wrote {path}")
