"""`petawatch topics`: the topics of an installation."""

from pathlib import Path
from typing import Annotated

import typer

_Config = Annotated[Path | None, typer.Option(help="TOML file with settings.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    topics = typer.Typer(
        help="Plan, make and check the topics on Kafka; nothing is ever deleted.", no_args_is_help=True
    )
    topics.command(epilog="Example: petawatch topics plan --config petawatch.toml")(plan)
    topics.command(epilog="Example: petawatch topics apply --config petawatch.toml")(apply)
    topics.command(epilog="Example: petawatch topics check --config petawatch.toml")(check)
    app.add_typer(topics, name="topics")


def plan(config: _Config = None) -> None:
    """Show the topics as they should be; the cluster is not asked."""
    from rich.console import Console

    from dashboards.topic_table import print_topics
    from streams.facility.topic_plan import plan as planned
    from streams.settings import load_settings

    settings = load_settings(config)
    print_topics(planned(settings.topics, settings.connect.block_bytes), Console())


def apply(config: _Config = None) -> int:
    """Make topics that are missing and set options that differ; exit code 1 when something else differs."""
    from rich.console import Console

    from dashboards.topic_table import print_differences
    from streams.facility.topic_plan import apply_topics
    from streams.facility.topic_plan import plan as planned
    from streams.settings import load_settings

    settings = load_settings(config)
    left = apply_topics(settings.kafka, planned(settings.topics, settings.connect.block_bytes), typer.echo)
    print_differences(left, Console())
    return int(bool(left))


def check(config: _Config = None) -> int:
    """Compare the topics with what they should be; exit code 1 when something differs."""
    from rich.console import Console

    from dashboards.topic_table import print_differences
    from streams.facility.topic_plan import check_topics
    from streams.facility.topic_plan import plan as planned
    from streams.settings import load_settings

    settings = load_settings(config)
    found = check_topics(settings.kafka, planned(settings.topics, settings.connect.block_bytes))
    print_differences(found, Console())
    return int(bool(found))
