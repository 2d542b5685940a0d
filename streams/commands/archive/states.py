"""`petawatch archive states`: the hourly states of a facility's stages."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch archive states --state /var/lib/petawatch --config petawatch.toml")(states)


def states(
    state: Annotated[Path, typer.Option(help="State directory of the facility's recorder, which goes on undisturbed.")],
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Go through what there is, and end.")] = False,
    from_time: Annotated[
        str, typer.Option("--from", help="Begin with the snapshots from here on, not with the first (ISO 8601).")
    ] = "",
) -> None:
    """On Kafka: archive the states of the stages each hour, computed once more behind the recorder, and compare."""
    import signal
    from contextlib import closing

    from connectors.clock import SystemClock
    from connectors.process_priority import give_way
    from streams.archive.opened_archive import opened_archive
    from streams.commands.usage import tell, time_option
    from streams.following.facility_states import FacilityStates

    from_ns = time_option("--from", from_time) or 0
    give_way()
    with (
        opened_archive(state, config) as archive,
        closing(FacilityStates(archive, state, clock=SystemClock(), tell=tell, from_ns=from_ns)) as following,
    ):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: following.stop())
        different = following.different
        following.run(once=once)
        if once and following.different > different:
            raise typer.Exit(1)
