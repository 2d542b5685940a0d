"""`petawatch models`: versions of the model, and which one is in use."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.settings import Settings
    from streams.shadow_findings import ShadowFinding

_State = Annotated[Path, typer.Option(help="State directory of the watch.")]
_Config = Annotated[Path | None, typer.Option(help="TOML file with settings.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON document a line.")]


class Role(StrEnum):
    """What a version may be promoted to."""

    PRODUCTION = "production"
    SHADOW = "shadow"


_VERSION = "Number of the version, or id of the model, as `list` shows it."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    models = typer.Typer(help="List, compare, promote and roll back versions of the model.", no_args_is_help=True)
    models.command("list", epilog="Example: petawatch models list --state /var/lib/petawatch")(list_models)
    models.command(epilog="Example: petawatch models compare 3 4 --state /var/lib/petawatch")(compare)
    models.command(epilog="Example: petawatch models promote 4 --state /var/lib/petawatch")(promote)
    models.command(epilog="Example: petawatch models shadow --state /var/lib/petawatch")(shadow)
    models.command(epilog="Example: petawatch models rollback --state /var/lib/petawatch")(rollback)
    models.command(epilog="Example: petawatch models upload --state /var/lib/petawatch")(upload)
    app.add_typer(models, name="models")


def list_models(state: _State, config: _Config = None, as_json: _Json = False) -> None:
    """List the registered versions, oldest first, and say which one is in use."""
    import json
    from dataclasses import asdict

    from rich.console import Console

    from dashboards.model_table import print_versions
    from streams.model_promotion import list_versions
    from streams.settings import load_settings

    versions = list_versions(state, load_settings(config))
    if as_json:
        for version in versions:
            use = {"in_use": version.in_use, "shadow": version.shadow}
            typer.echo(json.dumps({**asdict(version.registered), **use}))
    else:
        print_versions([(version.registered, version.use) for version in versions], Console())


def compare(
    first: Annotated[str, typer.Argument(help=_VERSION)],
    second: Annotated[str, typer.Argument(help=_VERSION)],
    state: _State,
    config: _Config = None,
    as_json: _Json = False,
) -> None:
    """Show the metrics of two versions side by side, and the parameters that differ."""
    import json
    from dataclasses import asdict

    from rich.console import Console

    from dashboards.model_table import print_comparison
    from streams.model_promotion import compare_versions
    from streams.settings import load_settings

    values = compare_versions(state, load_settings(config), first, second)
    if as_json:
        for value in values:
            typer.echo(json.dumps(asdict(value)))
    else:
        print_comparison([(value.name, value.first, value.second) for value in values], (first, second), Console())


def promote(
    version: Annotated[str, typer.Argument(help=_VERSION)],
    state: _State,
    config: _Config = None,
    role: Annotated[
        Role,
        typer.Option(
            "--as", help="production: the model in use. shadow: scores beside it, its alerts are counted only."
        ),
    ] = Role.PRODUCTION,
) -> None:
    """Check a version and make it the model in use, or the shadow; watches that run follow without a restart."""
    from connectors.promotion_lock import changing_models
    from streams import model_promotion
    from streams.settings import load_settings

    settings = load_settings(config)
    promote_to = model_promotion.promote_shadow if role is Role.SHADOW else model_promotion.promote
    with changing_models(state), _workers_of(state, settings, role) as tell_workers:
        _say(*promote_to(state, settings, version))
        _note(state, "promote_shadow" if role is Role.SHADOW else "promote_model", version)
        tell_workers()


def shadow(
    state: _State,
    config: _Config = None,
    end: Annotated[bool, typer.Option("--end", help="Let the shadow score no more; what it found stays.")] = False,
    as_json: _Json = False,
) -> None:
    """Show what the shadow finds against the model in use, by camera: frames, and alerts that it would have raised."""
    if end:
        _end_shadow(state, config)
        return
    import json

    from rich.console import Console

    from dashboards.shadow_table import print_shadow
    from streams.shadow_findings import shadow_document

    findings = _shadow_findings(state, config)
    if not as_json:
        print_shadow(findings, Console())
        return
    for name, finding in findings.items():
        typer.echo(json.dumps(shadow_document(name, finding)))


def _shadow_findings(state: Path, config: Path | None) -> "dict[str, ShadowFinding]":
    from streams.deciding import is_of_facility

    if is_of_facility(state):
        from streams.facility.shadow_checkpoints import read_facility_findings
        from streams.settings import load_settings

        return read_facility_findings(state, load_settings(config))
    from streams.shadow_findings import read_findings

    return read_findings(state)


def _end_shadow(state: Path, config: Path | None) -> None:
    from connectors.promotion_lock import changing_models
    from streams.deciding import is_of_facility
    from streams.model_promotion import stop_shadow
    from streams.settings import load_settings

    settings = load_settings(config)
    with changing_models(state):
        if is_of_facility(state):
            from connectors.clock import SystemClock
            from streams.facility.model_announcement import tell_workers_of_no_shadow

            # First: as long as the directory has a shadow, this can be said again.
            typer.echo(tell_workers_of_no_shadow(settings, SystemClock()))
        _say(*stop_shadow(state, settings))
        _note(state, "end_shadow", "shadow")


def rollback(state: _State, config: _Config = None) -> None:
    """Go back to the model that was in use before."""
    from connectors.promotion_lock import changing_models
    from streams.model_promotion import roll_back_model
    from streams.settings import load_settings

    settings = load_settings(config)
    with changing_models(state), _workers_of(state, settings) as tell_workers:
        _say(*roll_back_model(state, settings))
        _note(state, "roll_back_model", "production")
        tell_workers()


def _note(state: Path, action: str, subject: str) -> None:
    """Into the audit log."""
    from connectors.clock import SystemClock
    from streams.deciding import note_decision

    note_decision(state, action, subject, SystemClock())


def _say(sentence: str, warning: str) -> None:
    from streams.commands.usage import tell

    typer.echo(sentence)
    if warning:
        tell(warning)


def upload(state: _State, config: _Config = None) -> None:
    """Tell the registry the trainings that wait for it."""
    from streams.model_tracking import open_registry, upload_waiting
    from streams.settings import load_settings

    uploaded = upload_waiting(state, open_registry(state, load_settings(config)))
    for item in uploaded:
        typer.echo(f"model {item.model} is registered as version {item.version}")
    if not uploaded:
        typer.echo("nothing waits for the registry")


@contextmanager
def _workers_of(state: Path, settings: "Settings", role: Role = Role.PRODUCTION) -> Iterator[Callable[[], None]]:
    """Tells the workers of a facility which model has a role; nobody where no recorder writes the directory."""
    from connectors.clock import SystemClock
    from streams.deciding import is_of_facility

    if not is_of_facility(state):
        yield lambda: None
        return
    from streams.facility.model_announcement import workers_to_tell, workers_to_tell_of_shadow

    connect = workers_to_tell_of_shadow if role is Role.SHADOW else workers_to_tell
    with connect(state, settings, SystemClock()) as tell:
        yield lambda: typer.echo(tell())
