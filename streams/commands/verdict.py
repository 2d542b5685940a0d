"""`petawatch verdict`: operators say whether an alert was right."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch verdict 3f9a07 false --reason 'shutter test' --state /var/lib/petawatch")(
        verdict
    )


def verdict(
    state: Annotated[Path, typer.Option(help="State directory of the watch or of the recorder.")],
    id_: Annotated[
        str, typer.Argument(metavar="[ID]", help="The alert's id, or how it begins; `petawatch alerts --json` has it.")
    ] = "",
    word: Annotated[str, typer.Argument(metavar="[true|false|unclear]", help="Whether there was something.")] = "",
    reason: Annotated[str, typer.Option(help="What it was, for those who come after.")] = "",
    summary: Annotated[bool, typer.Option("--summary", help="Show the counts of all verdicts instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --summary: one JSON document.")] = False,
) -> None:
    """Say whether an episode was right; a later verdict takes the place of an earlier one."""
    from connectors.clock import SystemClock
    from dashboards.alert_table import place_of
    from models.alerts.verdicts import Verdict
    from streams.deciding import give_verdict

    if summary:
        if id_ or word or reason:
            raise typer.BadParameter("--summary shows all verdicts; give none with it")
        _print_summary(state, as_json=as_json)
        return
    if not id_ or not word or as_json:
        raise typer.BadParameter("name an alert and true, false or unclear; or --summary, which --json belongs to")
    given = word.strip().lower()
    if given not in {*Verdict}:
        raise typer.BadParameter(f"{word!r} is no verdict; write true, false or unclear")
    alert = give_verdict(state, id_.strip().lower(), Verdict(given), reason, SystemClock())
    typer.echo(f"{alert.id} {alert.kind} {place_of(alert)}: {given}")


def _print_summary(state: Path, *, as_json: bool) -> None:
    import json

    from rich.console import Console

    from dashboards.decision_tables import print_verdict_counts
    from streams.deciding import count_episodes

    counts = count_episodes(state)
    if not as_json:
        print_verdict_counts(counts, Console())
        return
    documents = [
        {
            "kind": count.kind,
            "where": count.place,
            "true": count.true,
            "false": count.false,
            "unclear": count.unclear,
            "not_judged": count.unjudged,
            "precision": count.precision.document(),
        }
        for count in counts
    ]
    typer.echo(json.dumps(documents))
