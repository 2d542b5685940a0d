"""`petawatch archive rebuild-catalog`: the catalog anew, from cartridges alone."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "rebuild-catalog", epilog="Example: petawatch archive rebuild-catalog /mnt/tape1 --state /var/lib/petawatch"
    )(rebuild_catalog)


def rebuild_catalog(
    mounts: Annotated[
        list[Path] | None,
        typer.Argument(help="Mount points of cartridges, or of a library of them; none: tape.mounts."),
    ] = None,
    state: Annotated[Path | None, typer.Option(help="State directory of the watch or the connector.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read all of each bundle; those mounted anew since count as safe.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> int:
    """Take what the bundles on cartridges say of themselves into the catalog; exit code 1 when anything is left out.

    Put in one cartridge after the other: each run adds what is mounted, and forgets nothing.
    """
    import json
    from dataclasses import replace

    from connectors.clock import SystemClock
    from dashboards.printable import printable
    from dashboards.progress import progress_bar
    from streams.archive.cataloguing.catalog_rebuild import CatalogRebuild
    from streams.archive.opened_archive import opened_archive

    with opened_archive(state, config) as archive, progress_bar("bundles") as advance:
        tape = replace(archive.settings.tape, mounts=tuple(mounts or archive.settings.tape.mounts))
        counts = CatalogRebuild(
            replace(archive, settings=archive.settings.model_copy(update={"tape": tape})),
            SystemClock(),
            verify=verify,
            tell=lambda sentence: typer.echo(printable(sentence), err=True),
            advance=advance,
        ).run()
    if as_json:
        typer.echo(json.dumps(counts.to_json()))
    else:
        typer.echo(counts.sentence())
    return int(counts.problems > 0)
