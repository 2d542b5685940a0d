"""`petawatch worker`: takes part in the watch on Kafka."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch worker --config /etc/petawatch.toml --state /var/lib/petawatch")(worker)


def worker(
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    agents: Annotated[
        str, typer.Option(help="Agents to run, separated by commas; all workers of an agent need the same list.")
    ] = "image,energy,spectrum,other,join,recorder",
    state: Annotated[
        Path | None, typer.Option(help="State directory of the recorder; the same one for all workers that run it.")
    ] = None,
    http: Annotated[str, typer.Option(help="HOST:PORT for /metrics, /healthz and /readyz, or off.")] = "off",
) -> None:
    """Work on a share of the records on Kafka: as many workers as it needs, each on a computer of its own or not."""
    from streams.commands.usage import tell
    from streams.settings import load_settings
    from streams.topology import AgentName
    from streams.worker.worker import run_worker

    names = [name.strip() for name in agents.split(",") if name.strip()]
    unknown = sorted(set(names) - {agent.value for agent in AgentName})
    if unknown or not names:
        every = ", ".join(agent.value for agent in AgentName)
        raise typer.BadParameter(f"--agents: {', '.join(unknown) or 'none'} is no agent; there are {every}")
    if AgentName.RECORDER in names and state is None:
        raise typer.BadParameter("the recorder needs --state DIR; or choose other agents with --agents")

    if AgentName.RECORDER not in names and state is not None:
        tell(f"--state {state} is not used: it is the recorder's, which is not among --agents {agents}")
    run_worker(
        load_settings(config), [agent for agent in AgentName if agent.value in names], state=state, http=http, tell=tell
    )
