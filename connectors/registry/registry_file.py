"""The registry's own file in a state directory: it may have been moved since, and it may be damaged."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from models.errors import FatalError, RetryableError

# Where MLflow writes the addresses of artifacts into its tables.
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_WAIT_S = 20.0


def prepare_registry_file(file: Path, artifacts: str) -> None:
    """Look whether the file is whole, and lead what is in it to the artifacts beside it.

    MLflow writes whole addresses of artifacts into its tables: in a state directory that was moved, renamed or copied
    they lead to where it was. They are rewritten as soon as it is opened at another place.

    Parameters
    ----------
    file
        MLflow's SQLite file; nothing is done without one.
    artifacts
        Address of the folder with artifacts beside it; its name is the same wherever the file is.

    Raises
    ------
    FatalError
        ``registry_damaged`` when it is no such file, or not whole.
    RetryableError
        ``registry`` when it can't be read or written now.
    """
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True, timeout=_WAIT_S)) as connection:
            [(verdict,)] = connection.execute("PRAGMA quick_check(1)")
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            _lead_to(connection, artifacts)
    except sqlite3.OperationalError as error:
        raise RetryableError(
            f"the registry of models {file} can't be opened ({error}); see to its rights and to who else uses it",
            reason="registry",
        ) from error
    except sqlite3.DatabaseError as error:
        raise FatalError(
            f"the registry of models {file} is damaged ({' '.join(str(error).split())[:100]}); put a copy of it back, "
            "or move it away: the models in use stay, and the next training begins a new one",
            reason="registry_damaged",
        ) from error


def _lead_to(connection: sqlite3.Connection, artifacts: str) -> None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables.issuperset(table for table, _ in _ADDRESSES):
        return  # its tables are still to be made
    # Those of all experiments: which one trainings are runs of can be set anew.
    locations = {location for (location,) in connection.execute("SELECT artifact_location FROM experiments")}
    name = artifacts.rpartition("/")[2]
    for before in sorted(filter(None, locations - {artifacts})):
        if before.startswith("file:") and before.endswith(f"/{name}"):
            _replace(connection, before, artifacts)


def _replace(connection: sqlite3.Connection, before: str, artifacts: str) -> None:
    with connection:
        for table, column in _ADDRESSES:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608
                (artifacts, len(before) + 1, len(before), before),
            )
