"""The command `petawatch`: one module a command in ``streams.commands``, and one way to say what went wrong."""

import sys
import traceback
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from models.errors import PetawatchError
from streams.commands import (
    alarms,
    alerts,
    archive,
    audit,
    baseline,
    bench,
    benchmark_models,
    catalog,
    check,
    connect,
    console,
    dead_letters,
    demo,
    drill,
    evaluate,
    export,
    ledger,
    maintenance,
    models,
    replay,
    report,
    simulate,
    tfrecord,
    thresholds,
    topics,
    train,
    users,
    verdict,
    watch,
    webhooks,
    worker,
)
from streams.commands.usage import tell

USAGE_ERROR = 2
FAILURE = 1
INTERRUPTED = 130
# What the extra ``kafka`` brings.
_KAFKA_PACKAGES = frozenset({"aiokafka", "crc32c", "faust", "kafka", "streaming_data_types"})

app = typer.Typer(
    name="petawatch",
    help="Watches every shot of a high-power laser: scores, triplets, alerts, and a balanced account of every record.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    demo,
    simulate,
    watch,
    console,
    users,
    check,
    train,
    tfrecord,
    models,
    evaluate,
    alerts,
    alarms,
    maintenance,
    verdict,
    baseline,
    audit,
    webhooks,
    thresholds,
    ledger,
    report,
    export,
    replay,
    bench,
    benchmark_models,
    drill,
    connect,
    topics,
    worker,
    dead_letters,
    archive,
    catalog,
):
    command.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process; a failure is one sentence on standard error, as each fault of settings is."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code: 0 done, 1 failure, 2 wrong usage."""
    try:
        result = app(args=list(arguments), standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt, BrokenPipeError):
        return INTERRUPTED
    except TyperException as error:
        tell(error.format_message())
        return USAGE_ERROR
    except Exception as error:  # noqa: BLE001 - an operator gets one sentence, whatever happens
        for sentence in _sentences(error):
            tell(sentence)
        return FAILURE
    return int(result) if isinstance(result, int) else 0


def _sentences(error: Exception) -> list[str]:
    if isinstance(error, PetawatchError) and error.reason == "configuration":
        return str(error).splitlines()
    return [_sentence(error)]


def _sentence(error: Exception) -> str:
    if isinstance(error, PetawatchError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or error}; look at the path and its rights"
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _KAFKA_PACKAGES:
        return f"{error.name} is not installed, which everything on Kafka needs; install petawatch[kafka]"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{frame.filename}:{frame.lineno}"
    return f"internal error, please report it: {type(error).__name__}: {error} ({place})"
