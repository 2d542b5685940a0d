"""`petawatch archive restore`: archived files, back in a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.archive.restore_order import WantedVolume
    from streams.archive.restoring.restore_plan import RestorePlan
    from streams.archive.restoring.restore_report import RestoreReport

_GB = 1e9


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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> int:
    """Bring files back, each from its nearest good copy and compared; exit code 1 when one is left out."""
    import json

    from dashboards.progress import progress_bar
    from models.archive.file_query import FileQuery
    from streams.archive.opened_archive import opened_archive
    from streams.archive.restoring.restore import RestoreOptions, restore_files
    from streams.archive.restoring.restore_plan import plan_restore
    from streams.archive.restoring.restore_sources import RestoreSources
    from streams.commands.usage import time_option

    query = FileQuery(
        from_ns=time_option("--from", from_), to_ns=time_option("--to", to), device=device, latest_only=True
    )
    with opened_archive(state, config, must_exist=True) as archive:
        sources = RestoreSources.of(archive)
        files = list(archive.catalog.find_files(query))
        if plan:
            planned = plan_restore(files, into, sources)
            typer.echo(json.dumps(_plan_document(planned)) if as_json else _plan_text(planned))
            return 0
        with progress_bar("restoring") as advance:
            report = restore_files(
                files, into, sources, RestoreOptions(replace=replace, wait_s=wait), advance=advance, wanted=_say_wanted
            )
    for sentence in [*report.problems, *(refused.sentence for refused in report.refused)]:
        typer.echo(f"petawatch: {sentence}", err=True)
    typer.echo(json.dumps(_document(report)) if as_json else _text(report, into))
    return int(bool(report.refused))


def _say_wanted(cartridges: "list[tuple[str, WantedVolume]]") -> None:
    for label, wanted in cartridges:
        typer.echo(f"wanted: cartridge {label} for {wanted.files} files, {wanted.size_bytes / _GB:.1f} GB", err=True)


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


def _plan_text(plan: "RestorePlan") -> str:
    lines = [f"{count} files: {source}" for source, count in sorted(plan.files.items())]
    lines.append(f"{plan.size_bytes / _GB:.1f} GB to copy")
    lines += [
        f"cartridge {each.label}{', mounted' if each.mounted else ''}: {each.wanted.files} files, "
        f"{each.wanted.size_bytes / _GB:.1f} GB"
        for each in plan.cartridges
    ]
    return "\n".join(lines)


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


def _text(report: "RestoreReport", into: Path) -> str:
    sources = "".join(f", {count} from {source}" for source, count in sorted(report.restored.items()))
    refused = f"; {len(report.refused)} left out" if report.refused else ""
    return (
        f"restored {report.restored.total()} files ({report.size_bytes / _GB:.1f} GB) to {into}{sources}; "
        f"{report.there} were there{refused}"
    )
