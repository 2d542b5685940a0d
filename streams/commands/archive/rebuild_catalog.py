"""`petawatch archive rebuild-catalog`: the catalog anew, from cartridges or from the store alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.archive.cataloguing.catalog_rebuild import RebuildCounts
    from streams.archive.cataloguing.store_rebuild import StoreRebuildCounts
    from streams.archive.opened_archive import OpenedArchive
    from streams.settings import Settings


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
    store: Annotated[
        bool, typer.Option("--store", help="Instead of cartridges: read what lies in the store and in no catalog.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> int:
    """Take what the bundles on cartridges say of themselves into the catalog; exit code 1 when anything is left out.

    Put in one cartridge after the other: each run adds what is mounted, and forgets nothing.
    """
    import json

    from streams.archive.opened_archive import opened_archive
    from streams.settings import load_settings

    if store and (mounts or verify):
        raise typer.BadParameter("--store takes in the store alone: leave out the mount points and --verify")
    _require_source(load_settings(config), mounts, store=store)
    with opened_archive(state, config) as archive:
        counts = _from_store(archive) if store else _from_cartridges(archive, mounts, verify=verify)
    typer.echo(json.dumps(counts.to_json()) if as_json else counts.sentence())
    return int(counts.problems > 0)


def _require_source(settings: "Settings", mounts: list[Path] | None, *, store: bool) -> None:
    """Refuse before a catalog is made that would stay empty."""
    from models.errors import FatalError

    if store and not settings.archive.store:
        raise FatalError("no store is configured; give archive.store in --config", reason="configuration")
    if not store and not mounts and not settings.tape.mounts:
        raise FatalError(
            "name the mount points of cartridges, or tape.mounts in --config; or take in the store with --store",
            reason="tape_mounts",
        )


def _from_store(archive: "OpenedArchive") -> "StoreRebuildCounts":
    from connectors.clock import SystemClock
    from dashboards.progress import progress_bar
    from streams.archive.cataloguing.store_rebuild import StoreRebuild
    from streams.commands.usage import tell

    with progress_bar("keys") as advance:
        return StoreRebuild(archive, SystemClock(), tell=tell, advance=advance).run()


def _from_cartridges(archive: "OpenedArchive", mounts: list[Path] | None, *, verify: bool) -> "RebuildCounts":
    from dataclasses import replace

    from connectors.clock import SystemClock
    from dashboards.progress import progress_bar
    from streams.archive.cataloguing.catalog_rebuild import CatalogRebuild
    from streams.commands.usage import tell

    tape = replace(archive.settings.tape, mounts=tuple(mounts or archive.settings.tape.mounts))
    mounted = replace(archive, settings=archive.settings.model_copy(update={"tape": tape}))
    with progress_bar("bundles") as advance:
        return CatalogRebuild(mounted, SystemClock(), verify=verify, tell=tell, advance=advance).run()
