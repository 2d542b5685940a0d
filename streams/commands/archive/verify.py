"""`petawatch archive verify`: copies read back and compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.archive.opened_archive import OpenedArchive
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
    sample: Annotated[float, typer.Option(min=0, max=1, help="This part of the copies, another one each time.")] = 1.0,
    repair: Annotated[bool, typer.Option("--repair", help="Write good copies again where damaged ones are.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document a line: each damage, then the sums.")
    ] = False,
) -> None:
    """Read copies back and compare them: those in the store, and those on mounted cartridges."""
    import json

    from connectors.clock import SystemClock
    from dashboards.printable import printable
    from dashboards.progress import progress_bar
    from streams.archive.opened_archive import opened_archive
    from streams.archive.safekeeping.verification import DamagedCopy, Scope, Verification
    from streams.archive.safekeeping.verification_run import VerificationRun
    from streams.commands.usage import time_option

    def show(damage: DamagedCopy) -> None:
        document = {"place": damage.place, "subject": damage.subject, "damage": damage.damage}
        line = (
            json.dumps(document)
            if as_json
            else printable(f"damaged: {damage.subject} in {damage.place} ({damage.damage})")
        )
        typer.echo(line)

    scope, clock = Scope(from_ns=time_option("--since", since), volume=volume, sample=sample), SystemClock()
    with opened_archive(state, config, must_exist=True) as archive:
        _need_copies(archive)
        run = VerificationRun(archive.folder, clock)
        with progress_bar("verifying") as advance:
            found = Verification(archive, run.begin(scope), clock).run(show, advance)
        run.end()
        mended = _repair(archive, found) if repair else 0
    for sentence in found.unread:
        typer.echo(f"petawatch: {sentence}", err=True)
    sums = {"read": found.read, "damaged": len(found.damaged), "repaired": mended}
    typer.echo(json.dumps(sums) if as_json else ", ".join(f"{name} {number}" for name, number in sums.items()))
    if len(found.damaged) > mended:
        raise typer.Exit(1)


def _need_copies(archive: "OpenedArchive") -> None:
    from models.errors import FatalError

    if archive.store is None and not archive.settings.tape.mounts:
        raise FatalError(
            "the settings name no copies to read back; give archive.store, or tape.mounts", reason="configuration"
        )


def _repair(archive: "OpenedArchive", found: "Verified") -> int:
    """Repair what can be; how many of the damaged copies have a good one in their place, or will have by the keeper."""
    from connectors.clock import SystemClock
    from models.archive.copies import StoreCopy
    from models.errors import FatalError
    from streams.archive.safekeeping.repair import Repair
    from streams.archive.tape.tape_keeper import open_keeper

    def tell(sentence: str) -> None:
        typer.echo(f"petawatch: {sentence}", err=True)

    clock, store = SystemClock(), archive.store
    repairing = Repair(archive, clock, tell)
    mended = sum(
        repairing.stored(store, damage.copy)
        for damage in found.damaged
        if store is not None and isinstance(damage.copy, StoreCopy)
    )
    if not archive.settings.tape.mounts or not archive.settings.tape.copies:
        return mended
    back = set(repairing.bundles())
    try:
        with open_keeper(archive, clock, tell) as keeper:
            back |= set(keeper.bundles_on_disk)
            keeper.run_once(close=False)
    except FatalError as error:
        if error.reason not in _KEPT_BY_OTHERS:
            raise
        tell("the keeper of the tapes that runs writes what was brought back")
    return mended + sum(damage.subject in back for damage in found.damaged)
