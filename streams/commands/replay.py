"""`petawatch replay`: an archived stretch as if it were now, with the same model or another one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.replay.plan import ReplayPlan
    from streams.replay.replay import Replays
    from streams.replay.run import ReplayOptions

_FASTEST = "max"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: petawatch replay --from 2022-07-01T09:00 --to 2022-07-01T10:00 --state /var/lib/petawatch"
    )(replay)


def replay(
    state: Annotated[Path, typer.Option(help="State directory of the watch, which goes on undisturbed.")],
    from_time: Annotated[str, typer.Option("--from", help="Beginning of the stretch (event time, ISO 8601).")] = "",
    to_time: Annotated[str, typer.Option("--to", help="Its end, not included.")] = "",
    alert: Annotated[str, typer.Option(help="Instead of a stretch: make the page of this alert's shot.")] = "",
    speed: Annotated[str, typer.Option(help="Seconds of event time in a second, or max.")] = _FASTEST,
    workers: Annotated[
        int | None,
        typer.Option(min=0, max=1024, help="Through Kafka, with so many workers here; else in this process alone."),
    ] = None,
    model: Annotated[str, typer.Option(help="Another model, by name or folder: it is compared with the first.")] = "",
    dry: Annotated[bool, typer.Option("--dry", help="Say what would be replayed, and from which state.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start without a state: all devices learn anew.")] = False,
    into: Annotated[Path | None, typer.Option(help="Folder of the results; below the archive's if not given.")] = None,
    from_folder: Annotated[
        Path | None, typer.Option(help="Take snapshots (and states) from here: a folder that was restored.")
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for each cartridge that is needed.")
    ] = 3600.0,
    webhook: Annotated[list[str] | None, typer.Option(help="URL that gets the alerts; else none does.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    page: Annotated[Path | None, typer.Option(help="Write the results with pictures as one HTML file.")] = None,
    progress: Annotated[
        Path | None, typer.Option(help="Write how far it has come into this file now and then, as JSON.")
    ] = None,
) -> None:
    """Put an archived stretch through the pipeline again, from the archived state before it; compare models."""
    from connectors.clock import SystemClock
    from connectors.process_priority import give_way
    from streams.commands.usage import tell
    from streams.replay.replay import open_replays
    from streams.replay.run import ReplayOptions

    if bool(alert) == bool(from_time or to_time):
        raise typer.BadParameter("give --from and --to, or --alert")
    if alert and workers is not None:
        raise typer.BadParameter("--workers: the shot of an alert is replayed in this process")
    give_way()
    from_ns, to_ns, pace = (0, 0, None) if alert else _stretch(from_time, to_time, speed)
    with open_replays(
        state, config, from_folder=from_folder, webhooks=webhook or (), wait_s=wait, clock=SystemClock(), tell=tell
    ) as replays:
        if alert:
            _show_shot(replays, alert, page)
            return
        plan = replays.plan(from_ns, to_ns, fresh=fresh)
        if dry:
            _show_plan(replays, plan, model, as_json=as_json)
            return
        options = ReplayOptions(speed=pace, workers=workers)
        _replay(replays, plan, model, into, options, as_json=as_json, page=page, progress=progress)


def _stretch(from_time: str, to_time: str, speed: str) -> tuple[int, int, float | None]:
    """The times and the speed, checked."""
    from streams.commands.usage import stretch_options

    from_ns, to_ns = stretch_options(from_time, to_time)
    if from_ns is None or to_ns is None:
        raise typer.BadParameter(f"{'--to' if to_ns is None else '--from'} is missing: a stretch has both ends")
    if speed == _FASTEST:
        return from_ns, to_ns, None
    try:
        pace = float(speed)
    except ValueError:
        pace = 0.0
    if not 0.0 < pace < float("inf"):
        raise typer.BadParameter(f"--speed: {speed!r} is neither a number above 0 nor {_FASTEST}")
    return from_ns, to_ns, pace


def _show_shot(replays: "Replays", alert: str, page: Path | None) -> None:
    from streams.replay.shot import make_shot_page

    made = make_shot_page(replays, alert)
    page = page or replays.folder / "shots" / f"{alert}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(made, encoding="utf-8")
    typer.echo(str(page))


def _show_plan(replays: "Replays", plan: "ReplayPlan", model: str, *, as_json: bool) -> None:
    import json

    from rich.console import Console

    from dashboards.replay_table import plan_sentences, print_sentences
    from streams.replay.results import plan_document

    if as_json:
        typer.echo(json.dumps(plan_document(plan)))
        return
    names = ["the model of the state" if plan.state is None else plan.state.model, *([model] if model else [])]
    print_sentences(plan_sentences(plan, names, replays.files.wanted(plan.files)), Console())


def _replay(
    replays: "Replays",
    plan: "ReplayPlan",
    model: str,
    into: Path | None,
    options: "ReplayOptions",
    *,
    as_json: bool,
    page: Path | None,
    progress: Path | None,
) -> None:
    import json
    from dataclasses import replace
    from functools import partial

    from rich.console import Console

    from dashboards.alert_table import print_alerts
    from dashboards.progress import progress_bar
    from dashboards.replay_table import plan_sentences, print_comparison, print_sentences
    from streams.replay.progress import write_progress
    from streams.replay.results import replay_stretch

    follow = None if progress is None else partial(write_progress, progress)
    with progress_bar("replaying") as advance:
        options = replace(options, progress=advance)
        results = replay_stretch(replays, plan, other_model=model, into=into, options=options, follow=follow)
    if page is not None:
        page.write_text(results.page(), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(results.document()))
        return
    console = Console()
    print_sentences(plan_sentences(plan, [each.name for each in results.directories], ()), console)
    if results.comparison is None:
        print_alerts(results.alerts, console)
    else:
        print_comparison(results.comparison, console)
    print_sentences([f"results: {directory}" for directory in results.directories], console)
