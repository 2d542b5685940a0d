"""`petawatch archive volumes`: the inventory of cartridges."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch archive volumes --state /var/lib/petawatch --config petawatch.toml")(volumes)


def volumes(
    state: Annotated[Path | None, typer.Option(help="State directory of the watch or the connector.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
    close: Annotated[str, typer.Option(metavar="BARCODE", help="Write nothing more to this cartridge.")] = "",
    clear: Annotated[
        str, typer.Option(metavar="BARCODE", help="Trust this suspect cartridge again: it was verified since.")
    ] = "",
    retire: Annotated[
        str, typer.Option(metavar="BARCODE", help="Take this cartridge out of use: its copies count for nothing.")
    ] = "",
) -> None:
    """List the cartridges with their states, or decide about one; one without barcode is named by its label or uuid."""
    import json

    from rich.console import Console

    from dashboards.volume_table import print_volumes, volume_document
    from streams.archive.opened_archive import opened_archive
    from streams.archive.tape.inventory import Inventory, list_volumes

    if sum(map(bool, (close, clear, retire))) > 1:
        raise typer.BadParameter("give one of --close, --clear and --retire")
    with opened_archive(state, config, must_exist=True) as archive:
        inventory = Inventory(archive.catalog, archive.folder)
        if close:
            inventory.close(close)
        if clear:
            inventory.clear(clear)
        if retire:
            inventory.retire(retire)
        lines = list_volumes(archive.catalog)
    if as_json:
        for line in lines:
            typer.echo(json.dumps(volume_document(line)))
    else:
        print_volumes(lines, Console())
