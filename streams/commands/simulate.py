"""`petawatch simulate`: write minutes of a simulated laser, with labelled faults; at once, or as they pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.simulation.files import SimulationSettings
    from streams.simulation.live import LiveSettings

_MINUTES, _LIVE_FAULT_EVERY_S = 5, 120.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: petawatch simulate /tmp/day --minutes 12 --stages 4; "
        "petawatch simulate /tmp/laser --live --snapshot-s 10"
    )(simulate)


def simulate(
    out: Annotated[Path, typer.Argument(help="Folder to write data/ and labels.json into; made if absent.")],
    minutes: Annotated[
        int | None,
        typer.Option(
            min=1, help="Minutes to write; minute 0 is without beam.", show_default="5; with --live until Ctrl-C"
        ),
    ] = None,
    stages: Annotated[int, typer.Option(min=1, help="Number of laser stages.")] = 1,
    cameras_per_stage: Annotated[int, typer.Option(min=1, help="Cameras of each stage.")] = 1,
    hz: Annotated[float, typer.Option(min=0.01, help="Shots per second.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    faults: Annotated[bool, typer.Option("--faults/--no-faults", help="Put labelled faults in.")] = True,
    fault_every_s: Annotated[
        float | None,
        typer.Option(help="One fault of each stage in every so many seconds.", show_default="20; with --live 120"),
    ] = None,
    start: Annotated[
        str, typer.Option(help="UTC, to the minute: when minute 0 begins.", show_default="2022-07-01T09:30")
    ] = "",
    live: Annotated[
        bool, typer.Option("--live", help="Close snapshots as their shots are fired, from now on, until stopped.")
    ] = False,
    snapshot_s: Annotated[int, typer.Option(help="With --live: length of a snapshot, a part of a minute.")] = 60,
    keep_minutes: Annotated[int, typer.Option(help="With --live: older snapshots are removed.")] = 30,
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress the datasets.")] = False,
    dialect: Annotated[str, typer.Option(help="production or test.")] = "production",
    shapes: Annotated[str, typer.Option(help="default, or proof: shapes that no choice was made on.")] = "default",
) -> None:
    """Write snapshots of a simulated laser and labels of the faults in them."""
    from streams.simulation.files import Dialect, ShapeSet, SimulationSettings
    from streams.simulation.live import LiveSettings

    _check_together(dialect=dialect, shapes=shapes, start=start, live=live)
    live_settings, defaults = LiveSettings(), SimulationSettings()
    if not live and (snapshot_s, keep_minutes) != (live_settings.snapshot_s, live_settings.keep_minutes):
        raise typer.BadParameter("--snapshot-s and --keep-minutes are for --live")
    spacing_s = _LIVE_FAULT_EVERY_S if live else defaults.fault_spacing_s
    date, minute_of_day = _beginning(start) if start else (defaults.date, defaults.start_minute_of_day)
    with _mistakes_of_usage():
        settings = SimulationSettings(
            minutes=minutes or _MINUTES,
            stages=stages,
            cameras_per_stage=cameras_per_stage,
            hz=hz,
            seed=seed,
            faults=faults,
            fault_spacing_s=spacing_s if fault_every_s is None else fault_every_s,
            gzip=gzip,
            dialect=Dialect(dialect),
            shapes=ShapeSet(shapes),
            date=date,
            start_minute_of_day=minute_of_day,
        )
        live_settings = LiveSettings(snapshot_s=snapshot_s, keep_minutes=keep_minutes)
    if live:
        _simulate_live(out, settings, live_settings, minutes)
    else:
        _simulate_at_once(out, settings)


@contextmanager
def _mistakes_of_usage() -> Iterator[None]:
    """What settings refuse is a mistake of whoever gave them; only settings are made in it."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _check_together(*, dialect: str, shapes: str, start: str, live: bool) -> None:
    if dialect not in {"production", "test"}:
        raise typer.BadParameter(f"--dialect is production or test, not {dialect!r}")
    if shapes not in {"default", "proof"}:
        raise typer.BadParameter(f"--shapes is default or proof, not {shapes!r}")
    if live and start:
        raise typer.BadParameter("--start: a simulation with --live begins now")
    if dialect == "test" and "T" in start:
        raise typer.BadParameter("--start: the test dialect begins at midnight; give a date alone")


def _beginning(text: str) -> tuple[str, int]:
    """The date and the minute of the day."""
    from models.event_time import DAY_NS, MINUTE_NS, format_iso
    from streams.commands.usage import time_option

    start_ns = time_option("--start", text) or 0
    if start_ns % MINUTE_NS:
        raise typer.BadParameter(f"--start: a simulation begins with a whole minute, not at {text}")
    return format_iso(start_ns)[:10], start_ns % DAY_NS // MINUTE_NS


def _simulate_at_once(out: Path, settings: "SimulationSettings") -> None:
    from dashboards.progress import progress_bar
    from streams.simulation.files import simulate as write_simulation

    with progress_bar("simulating") as advance:
        data = write_simulation(out, settings, advance)
    lasted = "1 minute" if settings.minutes == 1 else f"{settings.minutes} minutes"
    stages = "1 stage" if settings.stages == 1 else f"{settings.stages} stages"
    typer.echo(f"wrote {lasted} of {stages} below {data} and the labels into {out / 'labels.json'}")


def _simulate_live(out: Path, settings: "SimulationSettings", live: "LiveSettings", minutes: int | None) -> None:
    import signal
    import threading

    from connectors.clock import SystemClock
    from dashboards.progress import progress_bar
    from streams.simulation.live import LiveSimulation

    stopping = threading.Event()
    with _mistakes_of_usage():
        simulation = LiveSimulation(out, settings, live, clock=SystemClock(), wait=stopping.wait, tell=typer.echo)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with progress_bar("what cameras learn from") as advance:
        simulation.run(minutes, advance)
