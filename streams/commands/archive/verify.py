"""`petawatch archive verify`: copies read back and compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.archive.safekeeping.repair_run import Repaired
    from streams.archive.safekeeping.verification import DamagedCopy, Verified


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: petawatch archive verify --state /var/lib/petawatch --config petawatch.toml --sample 0.01"
    )(verify)


def verify(
    state: Annotated[Path | None, typer.Option(help="State directory of the watch or the connector.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    since: Annotated[str, typer.Option(help="Only files with records from this event time on, ISO 8601.")] = "",
    volume: Annotated[str, typer.Option(metavar="BARCODE", help="Only the copies on this cartridge.")] = "",
    mounted: Annotated[
        bool, typer.Option("--mounted", help="Of the cartridges only those that are mounted now.")
    ] = False,
    sample: Annotated[float, typer.Option(min=0, max=1, help="This part of the copies, another one each time.")] = 1.0,
    repair: Annotated[bool, typer.Option("--repair", help="Write good copies again where damaged ones are.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document a line: each damage, then the sums.")
    ] = False,
) -> int:
    """Read the copies in the store and on cartridges back and compare them; exit code 1 when all is not well.

    That is: when a copy is damaged and was not repaired, or could not be read, or files are not in the store.
    """
    import json

    from connectors.clock import SystemClock
    from dashboards.archive_lines import verified_line
    from dashboards.progress import progress_bar
    from streams.archive.opened_archive import opened_archive
    from streams.archive.safekeeping.repair_run import Repaired, RepairRun
    from streams.archive.safekeeping.verification import Scope
    from streams.archive.safekeeping.verification_run import verify_copies
    from streams.commands.usage import tell, time_option

    if volume and mounted:
        raise typer.BadParameter("--volume names one cartridge, mounted or not; leave --mounted out")
    clock, show = SystemClock(), _say_document if as_json else _say_line
    scope = Scope(from_ns=time_option("--since", since), volume=volume, mounted=mounted, sample=sample)
    with opened_archive(state, config, must_exist=True) as archive:
        with progress_bar("verifying") as advance:
            found = verify_copies(archive, scope, clock, show, advance)
        _tell_left(found, repair=repair)
        repaired = RepairRun(archive, clock, tell).run(found, scope) if repair else Repaired()
    sums = _sums(found, repaired)
    typer.echo(json.dumps(sums) if as_json else verified_line(sums))
    return int(not _is_well(found, repaired))


def _say_document(damaged: "DamagedCopy") -> None:
    import json

    typer.echo(json.dumps(_document(damaged)))


def _say_line(damaged: "DamagedCopy") -> None:
    from dashboards.archive_lines import damaged_line

    typer.echo(damaged_line(_document(damaged)))


def _document(damaged: "DamagedCopy") -> dict[str, object]:
    return {"place": damaged.place, "subject": damaged.subject, "damage": damaged.damage}


def _tell_left(found: "Verified", *, repair: bool) -> None:
    """What was not read, and what is not in the store and stays so."""
    from streams.commands.usage import tell

    for each in found.unread:
        tell(each.sentence)
    if found.elsewhere and not found.broken_off and not repair:
        tell(
            f"{found.elsewhere} files that were archived are not in the store of the settings; see whether "
            "archive.store is the right one: --repair brings them there, the archiver those on recorders' disks"
        )


def _sums(found: "Verified", repaired: "Repaired") -> dict[str, object]:
    return {
        "read": found.read,
        "damaged": len(found.damaged),
        "repaired": repaired.copies,
        "unread": {each.place: each.copies for each in found.unread},
        "elsewhere": found.elsewhere,
        "brought": repaired.files,
    }


def _is_well(found: "Verified", repaired: "Repaired") -> bool:
    all_repaired = repaired.copies >= len(found.damaged) and repaired.files >= found.elsewhere
    return all_repaired and not found.unread and not repaired.is_broken_off
