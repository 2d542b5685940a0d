"""`petawatch catalog`: which files there are, and where their copies lie."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.archive.cataloguing.indexing import IndexCounts
    from streams.archive.opened_archive import OpenedArchive

_State = Annotated[Path | None, typer.Option(help="State directory of the watch or the connector.")]
_Config = Annotated[Path | None, typer.Option(help="TOML file with settings.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    catalog = typer.Typer(
        help="Which files there are, what is in them, and where their copies lie.", no_args_is_help=True
    )
    catalog.command(epilog="Example: petawatch catalog index /data/recorders --state /var/lib/petawatch")(index)
    catalog.command(
        epilog="Example: petawatch catalog find --device '*Camera*' --anomalous --state /var/lib/petawatch"
    )(find)
    app.add_typer(catalog, name="catalog")


def index(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Folders with snapshots; none: only what the watch has found.")
    ] = None,
    state: _State = None,
    root: Annotated[
        Path | None, typer.Option(help="The watched folder, if PATHS lie in it; keys begin below it.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Read also files that have not changed since they were indexed.")
    ] = False,
    config: _Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> int:
    """Take an archive that exists already into the catalog; with --state also what the watch there has found.

    Goes on where an earlier run was broken off.
    """
    import json

    from streams.archive.opened_archive import opened_archive

    if not paths and state is None:
        raise typer.BadParameter("name folders with snapshots, or with --state the watch whose findings are taken in")
    with opened_archive(state, config) as archive:
        counts = _index_files(paths, root, archive, again=again) if paths else None
        findings = None if state is None else _feed(state, archive)
    if as_json:
        typer.echo(json.dumps({"files": counts and counts.to_json(), "findings": findings}))
    else:
        if counts is not None:
            typer.echo(_sentence(counts))
        if findings is not None:
            typer.echo(f"of the watch's findings new or changed: {_listed(findings)}")
    return int(counts is not None and not counts.complete)


def find(
    state: _State = None,
    from_: Annotated[str, typer.Option("--from", help="First event time, ISO 8601; UTC without a zone.")] = "",
    to: Annotated[str, typer.Option("--to", help="Event time to stop before, ISO 8601.")] = "",
    stage: Annotated[str, typer.Option(help="Pattern of stages, such as 'LA-A3-*'.")] = "",
    device: Annotated[str, typer.Option(help="Pattern of devices, such as '*Camera*'.")] = "",
    device_state: Annotated[str, typer.Option("--device-state", help="A state that occurs, such as FAULT.")] = "",
    anomalous: Annotated[
        bool | None, typer.Option("--anomalous/--normal", help="With an episode in it, or with none.")
    ] = None,
    valid: Annotated[bool | None, typer.Option("--valid/--invalid", help="Readable as a whole, or not.")] = None,
    latest: Annotated[bool, typer.Option("--latest", help="Of each file only the version archived last.")] = False,
    states: Annotated[bool, typer.Option("--states", help="Also archived states and models.")] = False,
    limit: Annotated[
        int, typer.Option(min=0, help="Most files that are shown; 0: all, in a table on a terminal 40.")
    ] = 0,
    config: _Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
) -> None:
    """Find archived files by what is in them, and show where their copies lie."""
    import json
    from itertools import chain, islice

    from rich.console import Console

    from dashboards.catalog_table import file_document, print_files
    from models.archive.file_query import FileQuery
    from streams.archive.cataloguing.file_search import search_files
    from streams.archive.opened_archive import opened_archive
    from streams.commands.usage import stretch_options, tell

    from_ns, to_ns = stretch_options(from_, to)
    query = FileQuery(
        from_ns=from_ns,
        to_ns=to_ns,
        stage=stage,
        device=device,
        state=_known_state(device_state),
        anomalous=anomalous,
        valid=valid,
        latest_only=latest,
    )
    with opened_archive(state, config, must_exist=True) as archive:
        files = search_files(archive.catalog, query, states=states)
        if (first := next(files, None)) is None:
            tell("no file fits; a pattern fits the whole name: --device '*Camera*', --stage 'LA-A3-*'")
            return
        files = chain([first], files)
        if as_json:
            for found in islice(files, limit or None):
                typer.echo(json.dumps(file_document(found)))
        else:
            print_files(files, Console(), limit)


def _known_state(word: str) -> str:
    from models.records import DeviceState

    known = [state.name for state in DeviceState]
    if word and word.upper() not in known:
        raise typer.BadParameter(f"--device-state {word!r} is none of {', '.join(known)}")
    return word.upper()


def _index_files(paths: list[Path], root: Path | None, archive: "OpenedArchive", *, again: bool) -> "IndexCounts":
    from connectors.clock import SystemClock
    from connectors.index_journal import IndexJournal
    from dashboards.printable import printable
    from dashboards.progress import progress_bar
    from streams.archive.cataloguing.indexing import JOURNAL_NAME, Indexer, IndexOptions

    settings = archive.settings
    options = IndexOptions(
        root=root,
        again=again,
        threads=settings.worker_threads,
        limits=settings.reading,
        zone=settings.zone,
        spool=settings.spool,
    )
    with IndexJournal(archive.folder / JOURNAL_NAME) as journal, progress_bar("indexing") as advance:
        indexer = Indexer(
            archive.catalog,
            journal,
            options,
            SystemClock(),
            lambda sentence: typer.echo(printable(sentence), err=True),
            advance,
        )
        return indexer.index(paths)


def _feed(state: Path, archive: "OpenedArchive") -> dict[str, int] | None:
    """What the watch has found; None when there was no watch yet in this state directory."""
    from dataclasses import asdict

    from models.errors import FatalError
    from streams.archive.cataloguing.findings_feed import FindingsFeed

    try:
        return asdict(FindingsFeed(state, archive.catalog).feed())
    except FatalError as error:
        if error.reason != "state_missing":
            raise
        return None


def _sentence(counts: "IndexCounts") -> str:
    from dashboards.words import counted

    parts = [
        f"{counted(counts.found, 'file')}: {counts.added:,} new in the catalog",
        f"{counts.known:,} known to it",
        f"{counts.unchanged:,} unchanged since they were indexed",
    ]
    if counts.unsettled:
        parts.append(f"{counts.unsettled:,} perhaps still being written, left for the next time")
    for what, reasons in (("not read", counts.unread), ("not whole", counts.refused)):
        if reasons:
            parts.append(f"{reasons.total():,} {what} ({_listed(reasons)})")
    if counts.folders:
        parts.append(f"{counted(counts.folders, 'folder')} not listed")
    return "; ".join(parts)


def _listed(counts: "dict[str, int]") -> str:
    return ", ".join(f"{number:,} {word}" for word, number in sorted(counts.items()))
