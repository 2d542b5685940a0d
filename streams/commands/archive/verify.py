"""`petawatch archive verify`: copies read back and compared."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.archive.opened_archive import OpenedArchive
    from streams.archive.safekeeping.repair import Repair
    from streams.archive.safekeeping.verification import Verified

# Another keeper of the tapes runs: it writes what was brought back.
_KEPT_BY_OTHERS = frozenset({"tape_keeper_running", "drive_in_use"})


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch archive verify --state /var/lib/petawatch --sample 0.01")(verify)


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
    from dashboards.archive_lines import damaged_line, verified_line
    from dashboards.progress import progress_bar
    from streams.archive.opened_archive import opened_archive
    from streams.archive.safekeeping.verification import DamagedCopy, Scope, Verification
    from streams.archive.safekeeping.verification_run import VerificationRun
    from streams.commands.usage import tell, time_option

    def show(damaged: DamagedCopy) -> None:
        document = {"place": damaged.place, "subject": damaged.subject, "damage": damaged.damage}
        typer.echo(json.dumps(document) if as_json else damaged_line(document))

    from_ns = time_option("--since", since)
    scope, clock = Scope(from_ns=from_ns, volume=volume, mounted=mounted, sample=sample), SystemClock()
    with opened_archive(state, config, must_exist=True) as archive:
        _need_copies(archive)
        run = VerificationRun(archive.folder, clock)
        with progress_bar("verifying") as advance:
            found = Verification(archive, run.begin(scope), clock).run(show, advance)
        if not found.broken_off:
            run.end()
        for each in found.unread:
            tell(each.sentence)
        if found.elsewhere and not repair:
            tell(
                f"{found.elsewhere} files are not in the store and lie in an earlier one or on tape only; --repair "
                "brings them there"
            )
        repaired = _Repaired()
        if repair:
            _repair(archive, found, from_ns, repaired)
    sums = {
        "read": found.read,
        "damaged": len(found.damaged),
        "repaired": repaired.copies,
        "unread": {each.place: each.copies for each in found.unread},
        "elsewhere": found.elsewhere,
        "brought": repaired.files,
    }
    typer.echo(json.dumps(sums) if as_json else verified_line(sums))
    is_well = not found.unread and repaired.copies >= len(found.damaged) and repaired.files >= found.elsewhere
    return int(not is_well or repaired.is_broken_off)


def _need_copies(archive: "OpenedArchive") -> None:
    from models.errors import FatalError

    if archive.store is None and not archive.settings.tape.mounts:
        raise FatalError(
            "the settings name no copies to read back; give archive.store, or tape.mounts", reason="configuration"
        )


@dataclass(slots=True)
class _Repaired:
    """What a repair has done.

    Attributes
    ----------
    copies
        Damaged ones that have a good one in their place, or will have by the keeper.
    files
        That were not in the store and are there now.
    is_broken_off
        Whether something failed, which is told.
    """

    copies: int = 0
    files: int = 0
    is_broken_off: bool = False


def _repair(archive: "OpenedArchive", found: "Verified", from_ns: int | None, repaired: _Repaired) -> None:
    """Repair what can be; what is said at the end is said also where the store or a disk fails meanwhile."""
    from connectors.clock import SystemClock
    from models.archive.copies import StoreCopy
    from models.archive.file_query import FileQuery
    from models.errors import PetawatchError
    from streams.archive.safekeeping.repair import Repair
    from streams.archive.safekeeping.store_reading import files_elsewhere
    from streams.commands.usage import tell

    store = archive.store
    try:
        repairing = Repair(archive, SystemClock(), tell)
        if store is not None and not found.broken_off:
            in_store = [damaged.copy for damaged in found.damaged if isinstance(damaged.copy, StoreCopy)]
            repaired.copies = repairing.stored(store, in_store)
            if found.elsewhere:
                files = files_elsewhere(archive.catalog, store.address, FileQuery(from_ns=from_ns))
                repaired.files = repairing.missing(store, files)
        if archive.settings.tape.mounts and archive.settings.tape.copies:
            back = _written_again(archive, repairing)
            repaired.copies += sum(damaged.subject in back for damaged in found.damaged)
    except PetawatchError as error:
        repaired.is_broken_off = True
        tell(str(error))


def _written_again(archive: "OpenedArchive", repairing: "Repair") -> set[str]:
    """Bring bundles that lack copies to the disk, and let the keeper write them; those that are there."""
    from connectors.clock import SystemClock
    from models.errors import FatalError
    from streams.archive.tape.tape_keeper import open_keeper
    from streams.commands.usage import tell

    back = set(repairing.bundles())
    try:
        with open_keeper(archive, SystemClock(), tell) as keeper:
            back |= set(keeper.bundles_on_disk)
            keeper.run_once(close=False)
    except FatalError as error:
        if error.reason not in _KEPT_BY_OTHERS:
            raise
        tell("the keeper of the tapes that runs writes what was brought back")
    return back
