"""`petawatch archive free`: room on the disks, from what is safe to delete."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.archive.archived_file import ArchivedFile
    from models.archive.safety import Obstacle
    from streams.archive.safekeeping.freeing import Decision


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch archive free --state /var/lib/petawatch --config petawatch.toml --to 80")(
        free
    )


def free(
    state: Annotated[Path, typer.Option(help="State directory of the watch or the connector whose files these are.")],
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    to: Annotated[float, typer.Option(min=0, max=100, help="Per cent: a disk that is no fuller has room.")] = 80.0,
    store_before: Annotated[
        str, typer.Option(help="Also remove versions before this event time (ISO 8601) from the store.")
    ] = "",
    dry: Annotated[bool, typer.Option("--dry", help="Say what would be removed, and remove nothing.")] = False,
) -> int:
    """Remove files that are safe to delete, the oldest first, until there is room; say why each other one stays.

    The exit code is 1 when a disk has not enough room then, a folder with files that are not safe is away, or a version
    that was to leave the store stays.
    """
    from contextlib import closing

    from connectors.state.file_progress import FileProgress
    from dashboards.archive_lines import freeing_line
    from models.archive.safety import WhyNot
    from streams.archive.opened_archive import opened_archive
    from streams.archive.safekeeping.freeing import Freeing
    from streams.archive.safekeeping.store_freeing import free_store
    from streams.commands.usage import time_option

    before_ns = time_option("--store-before", store_before)
    decisions = _Decisions(dry=dry)
    with opened_archive(state, config, must_exist=True) as archive, closing(FileProgress.open(state)) as files:
        has_room = Freeing(archive, files, to_percent=to, dry=dry).run(decisions.on_disk)
        if before_ns is not None:
            address = archive.store.address if archive.store else ""
            free_store(archive, before_ns, lambda file, why: decisions.in_store(address, file, why), dry=dry)
    freed, freed_bytes, kept = decisions.freed, decisions.freed_bytes, decisions.kept
    typer.echo(freeing_line(freed, freed_bytes, kept, to_percent=to, has_room=has_room, dry=dry))
    return int(not has_room or decisions.is_kept_in_store or WhyNot.FOLDER_AWAY in kept)


class _Decisions:
    """Says what became of each file, and counts."""

    def __init__(self, *, dry: bool) -> None:
        self._dry = dry
        self.freed = self.freed_bytes = 0
        # How often each reason has kept a file.
        self.kept: Counter[str] = Counter()
        self.is_kept_in_store = False

    def on_disk(self, decision: "Decision") -> None:
        self._add(str(decision.path), decision.size_bytes, decision.why_not)

    def in_store(self, address: str, file: "ArchivedFile", why_not: "tuple[Obstacle, ...]") -> None:
        self.is_kept_in_store |= bool(why_not)
        self._add(f"{address}/{file.key}", file.size_bytes, why_not)

    def _add(self, name: str, size_bytes: int, why_not: "tuple[Obstacle, ...]") -> None:
        from dashboards.archive_lines import freed_line

        self.kept.update(obstacle.why.value for obstacle in why_not)
        self.freed += not why_not
        self.freed_bytes += 0 if why_not else size_bytes
        typer.echo(freed_line(name, why_not, dry=self._dry))
