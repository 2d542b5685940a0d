"""`petawatch tfrecord`: triplets as sharded TFRecords, for training."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    tfrecord = typer.Typer(help="Write triplets as sharded TFRecords, and look at them.", no_args_is_help=True)
    tfrecord.command(epilog="Example: petawatch tfrecord export /data/recorders --into day")(export)
    tfrecord.command(epilog="Example: petawatch tfrecord info day")(info)
    app.add_typer(tfrecord, name="tfrecord")


def export(
    paths: Annotated[list[Path], typer.Argument(help="Folders with snapshots.")],
    into: Annotated[
        str, typer.Option(help="Folder or s3://BUCKET/PREFIX for the shards; must be empty, a folder is made.")
    ],
    shard_mb: Annotated[int, typer.Option(help="Size in MiB at which a shard ends.", min=1, max=1 << 20)] = 128,
    shard_records: Annotated[int, typer.Option(help="Most records of a shard; 0: as many as fit.", min=0)] = 0,
    idle_frames: Annotated[
        int, typer.Option(help="Images without beam written of each camera and pause, for its dark profile.", min=0)
    ] = 256,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
) -> None:
    """Write the whole triplets of snapshots as shards, with a schema beside them."""
    from connectors.tfrecord.shard_writer import ShardSettings
    from dashboards.progress import progress_bar
    from streams.settings import load_settings
    from streams.shard_places import place_of
    from streams.tfrecord_export import TfrecordSettings, export_tfrecords

    options = TfrecordSettings(
        idle_frames=idle_frames, shards=ShardSettings(shard_mb=shard_mb, shard_records=shard_records)
    )
    with progress_bar("exporting") as advance:
        schema = export_tfrecords(paths, place_of(into), load_settings(config), options, advance)
    counts = schema.counts
    typer.echo(
        f"wrote {counts.triplets} triplets and {counts.idle} images without beam of {len(counts.cameras)} cameras "
        f"in {len(schema.shards)} shards to {into}"
    )
    if schema.unread:
        typer.echo(f"{len(schema.unread)} snapshots could not be read to their end: see schema.json", err=True)


def info(
    place: Annotated[str, typer.Argument(help="Folder or s3://BUCKET/PREFIX with shards.")],
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
) -> int:
    """Read every record and say what there is; exit code 1 when a shard is damaged, missing or unknown."""
    from rich.console import Console

    from connectors.tfrecord.inspection import inspect_shards
    from dashboards.progress import progress_bar
    from dashboards.tfrecord_table import print_inspection
    from streams.commands.usage import tell
    from streams.settings import load_settings
    from streams.shard_places import place_of, written_shards

    target = written_shards(place_of(place), load_settings(config).object_store)
    with progress_bar("reading") as advance:
        found = inspect_shards(target, advance)
    print_inspection(found, Console())
    for problem in found.problems:
        tell(problem)
    return int(bool(found.problems))
