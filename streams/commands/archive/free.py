"""`petawatch archive free`: room on the disks, from what is safe to delete."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections import Counter

    from models.archive.safety import Obstacle


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch archive free --state /var/lib/petawatch --to 80")(free)


def free(
    state: Annotated[Path, typer.Option(help="State directory of the watch or the connector whose files these are.")],
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    to: Annotated[float, typer.Option(min=0, max=100, help="Per cent: a disk that is no fuller has room.")] = 80.0,
    store_before: Annotated[
        str, typer.Option(help="Also remove versions before this event time (ISO 8601) from the store.")
    ] = "",
    dry: Annotated[bool, typer.Option("--dry", help="Say what would be removed, and remove nothing.")] = False,
) -> None:
    """Remove files that are safe to delete, the oldest first, until there is room; say why each other one stays."""
    from collections import Counter
    from contextlib import closing

    from connectors.state.file_progress import FileProgress
    from dashboards.printable import printable
    from streams.archive.opened_archive import opened_archive
    from streams.archive.safekeeping.freeing import Decision, Freeing
    from streams.archive.safekeeping.store_freeing import free_store
    from streams.commands.usage import time_option

    before_ns = time_option("--store-before", store_before)
    done: Counter[str] = Counter()
    verb = "would free" if dry else "freed"

    def show(name: str, size_bytes: int, why_not: "tuple[Obstacle, ...]") -> None:
        for obstacle in why_not:
            done[obstacle.why.value] += 1
        if not why_not:
            done[verb] += 1
            done["bytes"] += size_bytes
        words = "; ".join(f"{obstacle.sentence} ({obstacle.why.value})" for obstacle in why_not)
        typer.echo(printable(f"kept {name}: {words}" if why_not else f"{verb} {name}"))

    def local(decision: Decision) -> None:
        show(str(decision.path), decision.size_bytes, decision.why_not)

    with opened_archive(state, config, must_exist=True) as archive, closing(FileProgress.open(state)) as files:
        has_room = Freeing(archive, files, to_percent=to, dry=dry).run(local)
        if before_ns is not None:
            address = archive.store.address if archive.store else ""
            free_store(
                archive, before_ns, lambda file, why: show(f"{address}/{file.key}", file.size_bytes, why), dry=dry
            )
    typer.echo(_summary(done, verb, has_room=has_room, to=to))
    if not has_room:
        raise typer.Exit(1)


def _summary(done: "Counter[str]", verb: str, *, has_room: bool, to: float) -> str:
    kept = ", ".join(f"{name} {number}" for name, number in sorted(done.items()) if name not in {verb, "bytes"})
    reached = f"no disk is fuller than {to:g} %" if has_room else f"a disk is still fuller than {to:g} %"
    return f"{verb} {done[verb]} files, {done['bytes'] / 1e9:.3f} GB; {reached}" + (f"; kept: {kept}" if kept else "")
