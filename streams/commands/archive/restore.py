"""`petawatch archive restore`: archived files, back in a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.archive.archived_file import ArchivedFile
    from models.archive.restore_order import WantedVolume
    from streams.archive.restoring.restore import RestoreOptions
    from streams.archive.restoring.restore_plan import RestorePlan
    from streams.archive.restoring.restore_report import RestoreReport
    from streams.archive.restoring.restore_sources import RestoreSources


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: petawatch archive restore --from 2022-07-01T09:00 --to 2022-07-01T10:00 --into /data/again "
        "--state /var/lib/petawatch"
    )(restore)


def restore(
    into: Annotated[Path, typer.Option(help="Folder that gets the files, as the recorders' folder has them.")],
    from_: Annotated[str, typer.Option("--from", help="First event time, ISO 8601; UTC without a zone.")] = "",
    to: Annotated[str, typer.Option("--to", help="Event time to stop before, ISO 8601.")] = "",
    device: Annotated[str, typer.Option(help="Only files with a device that fits, as LA_A3_*.")] = "",
    state: Annotated[Path | None, typer.Option(help="State directory of the watch or the connector.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say where the files would come from and which cartridges are needed.")
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for each cartridge that is needed.")
    ] = 3600.0,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace files that are there with another content.")
    ] = False,
    states: Annotated[bool, typer.Option("--states", help="Also archived states and models.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> int:
    """Bring files back, each from its nearest good copy and compared; exit code 1 when one is left out or none fits."""
    from models.archive.file_query import FileQuery
    from streams.archive.cataloguing.file_search import find_files
    from streams.archive.opened_archive import opened_archive
    from streams.archive.restoring.restore import RestoreOptions
    from streams.archive.restoring.restore_sources import RestoreSources
    from streams.commands.usage import stretch_options, tell

    from_ns, to_ns = stretch_options(from_, to)
    query = FileQuery(from_ns=from_ns, to_ns=to_ns, device=device, latest_only=True)
    with opened_archive(state, config, must_exist=True) as archive:
        # Counted first, so that a million files need not be held at once.
        count = sum(1 for _ in find_files(archive.catalog, query, states=states))
        files = find_files(archive.catalog, query, states=states)
        if not count:
            tell("the catalog knows no file that fits; look with petawatch catalog find")
        sources = RestoreSources.of(archive)
        if plan:
            is_whole = _plan(files, into, sources, as_json=as_json)
        else:
            options = RestoreOptions(replace=replace, wait_s=wait)
            is_whole = _restore(files, count, into, sources, options, as_json=as_json)
    return int(not count or not is_whole)


def _plan(files: "Iterable[ArchivedFile]", into: Path, sources: "RestoreSources", *, as_json: bool) -> bool:
    """Say where the files would come from; whether there is a copy of each."""
    import json

    from dashboards.archive_lines import restoring_lines
    from streams.archive.restoring.restore_plan import NOWHERE, plan_restore

    planned = plan_restore(files, into, sources)
    document = _plan_document(planned)
    typer.echo(json.dumps(document) if as_json else "\n".join(restoring_lines(document)))
    return not planned.files[NOWHERE]


def _restore(
    files: "Iterable[ArchivedFile]",
    count: int,
    into: Path,
    sources: "RestoreSources",
    options: "RestoreOptions",
    *,
    as_json: bool,
) -> bool:
    """Bring the files and say what was done; whether none was left out."""
    import json

    from dashboards.archive_lines import restored_line
    from dashboards.progress import progress_bar
    from streams.archive.restoring.restore import restore_files
    from streams.commands.usage import tell

    with progress_bar("restoring") as advance:
        report = restore_files(
            files, into, sources, options, advance=lambda done: advance(done, count), wanted=_say_wanted
        )
    for sentence in [*report.problems, *(refused.sentence for refused in report.refused)]:
        tell(sentence)
    document = _document(report)
    typer.echo(json.dumps(document) if as_json else restored_line(document, into))
    return not report.refused


def _say_wanted(cartridges: "list[tuple[str, WantedVolume]]") -> None:
    from dashboards.archive_lines import wanted_line

    for label, wanted in cartridges:
        typer.echo(wanted_line(label, wanted), err=True)


def _plan_document(plan: "RestorePlan") -> dict[str, object]:
    return {
        "files": dict(plan.files),
        "bytes": plan.size_bytes,
        "cartridges": [
            {
                "label": each.label,
                "volume": each.wanted.volume,
                "mounted": each.mounted,
                "files": each.wanted.files,
                "bytes": each.wanted.size_bytes,
            }
            for each in plan.cartridges
        ],
    }


def _document(report: "RestoreReport") -> dict[str, object]:
    return {
        "restored": dict(report.restored),
        "there": report.there,
        "bytes": report.size_bytes,
        "refused": [
            {"key": each.file.key, "sha256": each.file.sha256, "reason": each.reason, "sentence": each.sentence}
            for each in report.refused
        ],
        "problems": report.problems,
    }
