"""`petawatch dead-letters`: messages that were refused on Kafka."""

from pathlib import Path
from typing import Annotated

import typer

_Config = Annotated[Path | None, typer.Option(help="TOML file with settings.")]
_Reason = Annotated[str, typer.Option(help="Only those that were refused for this reason.")]
_Agent = Annotated[str, typer.Option(help="Only those that this agent refused.")]
_Topic = Annotated[str, typer.Option(help="Only those from this topic (its short name).")]
_File = Annotated[str, typer.Option(help="Only those of files whose path holds this.")]
_IDS = "TOPIC/PARTITION/OFFSET of the original, as `list` shows it."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    letters = typer.Typer(
        help="List and show messages that agents refused, and give them to their agents again.", no_args_is_help=True
    )
    letters.command("list", epilog="Example: petawatch dead-letters list --config petawatch.toml")(list_letters)
    letters.command(epilog="Example: petawatch dead-letters show images/3/5501 --out message.bin")(show)
    letters.command(epilog="Example: petawatch dead-letters retry --reason unknown_version")(retry)
    app.add_typer(letters, name="dead-letters")


def list_letters(
    config: _Config = None,
    reason: _Reason = "",
    agent: _Agent = "",
    topic: _Topic = "",
    file: _File = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
) -> None:
    """List the dead letters that are kept, oldest first; of one that was retried in vain only the latest."""
    import json
    from dataclasses import asdict

    from rich.console import Console

    from connectors.kafka.reader import TopicReader
    from dashboards.dead_letter_table import print_letters
    from streams.commands.usage import tell
    from streams.facility.dead_letters import LetterFilter, find_letters
    from streams.settings import load_settings

    settings = load_settings(config)
    wanted = LetterFilter(reason=reason, agent=agent, topic=topic, file=file)
    with TopicReader(settings.kafka, settings.topics.installation) as reader:
        found = find_letters(reader, wanted)
    if as_json:
        for letter in found.letters:
            typer.echo(json.dumps(asdict(letter)))
    else:
        print_letters(found.letters, Console())
    if found.foreign:
        tell(f"{found.foreign} messages in the topic are no dead letters of Petawatch")


def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help=_IDS)],
    config: _Config = None,
    out: Annotated[Path | None, typer.Option(help="File that gets the original value, byte for byte.")] = None,
) -> None:
    """Show one dead letter: why it was refused, and the headers of the original message."""
    from rich.console import Console

    from connectors.kafka.reader import TopicReader
    from dashboards.dead_letter_table import print_letter
    from streams.facility.dead_letters import find_letter
    from streams.settings import load_settings

    settings = load_settings(config)
    with TopicReader(settings.kafka, settings.topics.installation) as reader:
        letter, known = find_letter(reader, id_)
    print_letter(known, letter.original.headers, Console())
    if out is not None:
        out.write_bytes(letter.original.value or b"")


def retry(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help=_IDS)] = None,
    config: _Config = None,
    reason: _Reason = "",
    force: Annotated[bool, typer.Option("--force", help="Also those that were retried three times in vain.")] = False,
) -> int:
    """Give messages to their agents again, each once; exit code 1 when some were retried too often, or can't be."""
    from connectors.kafka.producer import BlockProducer
    from connectors.kafka.reader import TopicReader
    from streams.commands.usage import tell
    from streams.facility.dead_letters import (
        MOST_ATTEMPTS,
        LetterSummary,
        choose_letters,
        find_letters,
        promotion_again,
        retry_letters,
    )
    from streams.settings import load_settings

    if bool(ids) == bool(reason):
        raise typer.BadParameter("name the dead letters by their ids, or by --reason")
    settings = load_settings(config)

    def show_retry(letter: LetterSummary) -> None:
        typer.echo(f"{letter.id} goes to its agent again")

    installation = settings.topics.installation
    with TopicReader(settings.kafka, installation) as reader, BlockProducer(settings.kafka, installation) as producer:
        chosen = choose_letters(find_letters(reader).letters, ids or [], reason)
        promotions = [letter for letter in chosen if not letter.repeatable]
        tired = [] if force else [letter for letter in chosen if letter.repeatable and letter.attempts >= MOST_ATTEMPTS]
        retry_letters(reader, producer, [letter for letter in chosen if letter not in promotions + tired], show_retry)
    for letter in tired:
        tell(f"{letter.id} was retried {letter.attempts} times in vain; mend the cause, then use --force")
    for letter in promotions:
        tell(promotion_again(letter))
    return int(bool(promotions or tired))
