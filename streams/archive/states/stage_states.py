"""The states of all stages as files of the archive: a replay starts from the one before its stretch.

A file ``states/DATE/HH-MM-SS_<sha>.petawatch-state`` (event time of the latest record, the first digits of the file's
SHA-256) is a ZIP without compression: first ``head.json``, then one part per state, ``states/0`` and on, as
``models.state`` encodes them. Models lie in ``models/NAME_<sha>.petawatch-model``, each once.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from connectors.durable_files import replace_file
from connectors.file_hash import file_sha256
from connectors.model_files import MODEL_PARTS, default_model, installed_name, model_parts
from connectors.state.commit import FileRecord, FileStatus
from connectors.state.stage_moment import RUNNER_KEY, StageMoment
from connectors.stored_zip import damaged_file, read_stored_zip, write_stored_zip
from models.archive.archived_file import ArchivedFile
from models.event_time import SECOND_NS, format_iso, parse_iso
from models.state import decode_state
from streams.settings import Settings
from streams.watch_pipeline import models_of_states

#: Below the archive's folder, and how the keys of such files begin.
STATES, MODELS = "states", "models"
STATE_ENDING, MODEL_ENDING = ".petawatch-state", ".petawatch-model"

_FORMAT = 1
_PROGRAM = "petawatch"
_HEAD = "head.json"
# What the results of a stretch depend on, beside the files, the states and the model.
_DECISIVE = ("time_zone", "reading", "sequence", "budget", "camera", "meter", "spectrometer", "join")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStates:
    """What an archived state holds.

    Attributes
    ----------
    position_ns
        Event time of the latest record before it.
    program
        The version of Petawatch that saved it.
    model
        The id of the model in use.
    models
        The SHA-256 of the archived file of each model that the states need, by its id.
    settings
        A digest of each part of the settings that results depend on, by its name.
    states
        As the state directory keeps them: devices with their shadows and accepted baselines, joins, the runner.
    files
        What was read last, over an hour: none of it is replayed.
    pending
        Path, SHA-256, and how many of their records wait in the joins.
    """

    position_ns: int
    program: str
    model: str
    models: Mapping[str, str]
    settings: Mapping[str, str]
    states: Mapping[str, bytes]
    files: list[FileRecord]
    pending: list[tuple[str, str, int]]


def write_moment(moment: StageMoment, state_dir: Path, folder: Path, settings: Settings) -> Path | None:
    """Archive the states of a one-process watch, and the models that they need.

    Returns
    -------
    Path or None
        The file; None of a facility's recorder (the states are in the agents' checkpoints there), and while a snapshot
        is half read, so that no place between two snapshots would belong to it.

    Raises
    ------
    OSError
        The file can't be written.
    FatalError
        A model that the states need is missing or damaged.
    """
    runner = moment.states.get(RUNNER_KEY)
    if runner is None or decode_state(runner)["files"]:
        return None
    in_use = installed_name(state_dir) or default_model().name
    needed = sorted(models_of_states(moment.states) | {in_use})
    models = {name: file_sha256(_write_model(state_dir, name, folder / MODELS)) for name in needed}
    head = {
        "format": _FORMAT,
        "position": format_iso(moment.position_ns),
        "position_ns": moment.position_ns,
        "commit": moment.sequence,
        "program": version(_PROGRAM),
        "model": in_use,
        "models": models,
        "settings": settings_digests(settings),
        "states": [
            {"key": key, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for key, data in moment.states.items()
        ],
        "files": [asdict(record) for record in moment.files],
        "pending": moment.pending,
    }
    states = ((f"states/{place}", data) for place, data in enumerate(moment.states.values()))
    day, time = format_iso(moment.position_ns)[:10], format_iso(moment.position_ns)[11:19].replace(":", "-")
    document = json.dumps(head, separators=(",", ":"), sort_keys=True).encode()
    return write_stored_zip(folder / STATES / day, time, STATE_ENDING, _head_first(document, states))


def read_stage_states(path: Path) -> StageStates:
    """What an archived state holds.

    Raises
    ------
    FatalError
        ``archived_file_damaged`` when it is not exactly what this or an earlier program writes.
    OSError
        It can't be read.
    """
    parts = read_stored_zip(path)
    try:
        head = json.loads(parts.pop(_HEAD))
        if head["format"] != _FORMAT:
            raise ValueError(f"it has format {head['format']}, this program reads {_FORMAT}")
        states = {}
        for place, entry in enumerate(head["states"]):
            data = parts.pop(f"states/{place}")
            if hashlib.sha256(data).hexdigest() != entry["sha256"]:
                raise ValueError(f"the state of {entry['key']} is another one")
            states[str(entry["key"])] = data
        if parts:
            raise ValueError("it has parts that its head does not name")
        return StageStates(
            position_ns=int(head["position_ns"]),
            program=str(head["program"]),
            model=str(head["model"]),
            models={str(name): str(sha256) for name, sha256 in head["models"].items()},
            settings={str(name): str(digest) for name, digest in head["settings"].items()},
            states=states,
            files=[FileRecord(**{**record, "status": FileStatus(record["status"])}) for record in head["files"]],
            pending=[(str(file), str(sha256), int(number)) for file, sha256, number in head["pending"]],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged_file(path, f"{type(error).__name__}: {error}") from error


def unpack_model(path: Path, folder: Path) -> None:
    """Make the folder of a model from its archived file; ``connectors.model_files.load_model`` checks it.

    Raises
    ------
    FatalError
        ``archived_file_damaged``.
    OSError
        It can't be read or written.
    """
    parts = read_stored_zip(path)
    if set(parts) != set(MODEL_PARTS):
        raise damaged_file(path, "it holds other parts than a model has")
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODEL_PARTS:
        replace_file(folder / name, parts[name])


def settings_digests(settings: Settings) -> dict[str, str]:
    """A digest of each part of the settings that results depend on."""
    values = settings.model_dump(mode="json", include=set(_DECISIVE))
    return {
        name: hashlib.sha256(json.dumps(values[name], sort_keys=True).encode()).hexdigest()[:16] for name in _DECISIVE
    }


def archivable_files(folder: Path) -> Iterator[ArchivedFile]:
    """The states and models that lie below an archive's folder, as the archive takes them, by their keys.

    Their keys are their paths below the folder; event times are those of the states' positions.

    Raises
    ------
    OSError
        A file can't be read.
    """
    for path in sorted([*folder.glob(f"{STATES}/*/*{STATE_ENDING}"), *folder.glob(f"{MODELS}/*{MODEL_ENDING}")]):
        if not path.name.startswith("."):
            yield archived_state_file(path, folder)


def archived_state_file(path: Path, folder: Path) -> ArchivedFile:
    """One of them."""
    key, status = path.relative_to(folder).as_posix(), path.stat()
    position_ns = position_of_key(key)
    return ArchivedFile(
        key=key,
        path=key,
        root=str(folder),
        sha256=file_sha256(path),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        date="" if position_ns is None else path.parent.name,
        first_ns=position_ns,
        last_ns=position_ns,
    )


def model_key(name: str, sha256: str) -> str:
    """The key of a model's archived file, whose content has this SHA-256."""
    return f"{MODELS}/{name}_{sha256[:12]}{MODEL_ENDING}"


def is_state_key(key: str) -> bool:
    """Whether a key of the archive is that of a state or model, and of no snapshot."""
    return key.endswith((STATE_ENDING, MODEL_ENDING))


def position_of_key(key: str) -> int | None:
    """The event time, to the second above, of the latest record before the state of this key; None for others."""
    folder, _, name = key.rpartition("/")
    if not folder.startswith(f"{STATES}/") or not name.endswith(STATE_ENDING):
        return None
    with suppress(ValueError):
        return parse_iso(f"{folder.removeprefix(STATES + '/')}T{name[:8].replace('-', ':')}") + SECOND_NS
    return None


def _head_first(head: bytes, states: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    yield _HEAD, head
    yield from states


def _write_model(state_dir: Path, name: str, folder: Path) -> Path:
    """The archived file of a model, which is written if it is not there."""
    for path in folder.glob(f"{name}_*{MODEL_ENDING}"):
        if path.name == f"{name}_{file_sha256(path)[:12]}{MODEL_ENDING}":
            return path
    parts = model_parts(state_dir, name)
    return write_stored_zip(folder, name, MODEL_ENDING, ((part, parts[part]) for part in MODEL_PARTS))
