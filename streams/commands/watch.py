"""`petawatch watch`: the main job."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch watch /data/recorders --state /var/lib/petawatch --http 127.0.0.1:9464")(
        watch
    )


def watch(
    paths: Annotated[list[Path], typer.Argument(help="Folders into which the recorders write.")],
    state: Annotated[Path, typer.Option(help="State directory; made if absent, for one watch alone.")],
    once: Annotated[bool, typer.Option("--once", help="Process what is there, decide everything, and end.")] = False,
    http: Annotated[str, typer.Option(help="HOST:PORT for /metrics, /healthz and /readyz, or off.")] = "off",
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    webhook: Annotated[list[str] | None, typer.Option(help="URL that gets every alert; repeatable.")] = None,
    console: Annotated[str, typer.Option(help="HOST:PORT of a console that runs beside it, or off.")] = "off",
) -> None:
    """Watch folders for snapshots: score every shot, join triplets, raise alerts, account for every record."""
    import signal
    from contextlib import ExitStack

    from rich.console import Console

    from connectors.clock import SystemClock
    from dashboards.alert_line import print_alert_event
    from dashboards.progress import progress_bar
    from models.alerts.alert import AlertEvent
    from streams.commands.usage import tell
    from streams.console.child import ConsoleChild
    from streams.settings import load_settings
    from streams.watch import open_watch

    overrides = {"webhook_urls": tuple(webhook)} if webhook else {}
    settings = load_settings(config, **overrides)
    terminal, clock = Console(), SystemClock()

    def show(events: list[AlertEvent]) -> None:
        for event in events:
            print_alert_event(event, terminal, now_ns=clock.now_ns())

    # What would keep the console from ever starting is told before anything is opened.
    beside = None
    if console != "off":
        beside = ConsoleChild(console, state, settings.console, config, clock=clock, tell=tell)
    with ExitStack() as stack:
        running = stack.enter_context(open_watch(paths, state, settings, http=http, on_alerts=show, tell=tell))
        ends = [running.stop]
        if beside is not None:
            ends.append(stack.enter_context(beside).stop)
        if once:
            with progress_bar("watching") as advance:
                running.run_once(advance)
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: [end() for end in ends])
        typer.echo(f"watching {', '.join(str(path) for path in paths)}; stop with Ctrl-C", err=True)
        running.run()
