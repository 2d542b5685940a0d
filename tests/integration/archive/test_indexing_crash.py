"""An indexing that was killed is gone on with: the catalog is the one that it would have been."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from connectors.catalog.opening import open_catalog
from connectors.catalog.settings import CatalogSettings
from models.archive.archived_file import ArchivedFile
from models.archive.file_query import FileQuery
from tests.support.commands import Run, run_with
from tests.support.snapshot_files import NAME, minute, write_production

FILES = 1000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thousands of small snapshots of one content, that nobody has written to for long; one of them is damaged."""
    root = tmp_path_factory.mktemp("archive")
    content = write_production(root / "one.h5", minute(1)).read_bytes()
    (root / "one.h5").unlink()
    for number in range(FILES):
        day = f"2022-07-{1 + number // 500:02d}"
        name = NAME.replace(
            "2022-07-01_09-34-00-000", f"{day}_{number // 60 % 24:02d}-{number % 60:02d}-00-{number % 1000:03d}"
        )
        path = root / "10Hz" / day / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if number != FILES // 2 else content[:5000])
        os.utime(path, (1, 1))
    return root


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Run:
    return run_with(capsys)


def indexed(state: Path) -> list[ArchivedFile]:
    """All that the catalog has; nothing while there is none."""
    folder = state / "archive"
    if not (folder / "catalog.sqlite").exists():
        return []
    with closing(open_catalog(CatalogSettings(), folder)) as catalog:
        return list(catalog.find_files(FileQuery()))


# A command that kills itself, as `kill -9` does, when a function is called for the n-th time.
_KILLED = """
import os, signal, sys
from streams.archive.cataloguing import indexing
module, name, times, *arguments = sys.argv[1:]
indexing._BATCH = 100
owner = getattr(__import__(module, fromlist=[name]), name.split(".")[0])
original, calls = getattr(owner, name.split(".")[1]), []
def counted(*given):
    calls.append(given)
    if len(calls) == int(times):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*given)
setattr(owner, name.split(".")[1], counted)
from streams.command_line import run
sys.exit(run(arguments))
"""


def killed_at(module: str, name: str, times: int, *arguments: str | Path) -> int:
    """Run a command that is killed at a call; its exit code."""
    command = [sys.executable, "-c", _KILLED, module, name, str(times), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode


def test_a_killed_indexing_is_gone_on_with(data: Path, tmp_path: Path, command: Run) -> None:
    state, undisturbed = tmp_path / "state", tmp_path / "undisturbed"
    index = ("catalog", "index", data, "--state", state)
    assert killed_at("connectors.catalog.sqlite_catalog", "SqliteCatalog.add_files", 3, *index) == -signal.SIGKILL
    assert len(indexed(state)) == 200
    assert killed_at("connectors.index_journal", "IndexJournal.add", 2, *index) == -signal.SIGKILL
    assert len(indexed(state)) == 400
    code, out, _ = command(*index, "--json")
    counts = json.loads(out)["files"]
    assert code == 0
    assert counts["unchanged"] == 300  # the last hundred came into the catalog, but not into the journal
    assert (counts["found"], counts["added"], counts["known"]) == (FILES, FILES - 400, 100)
    code, _, told = command("catalog", "index", data, "--state", undisturbed)
    assert (code, told.count("\n")) == (0, 1)
    assert indexed(state) == indexed(undisturbed)


def test_what_was_indexed_is_found(data: Path, tmp_path: Path, command: Run) -> None:
    command("catalog", "index", data / "10Hz" / "2022-07-01", "--root", data, "--state", tmp_path)
    code, out, _ = command("catalog", "find", "--state", tmp_path, "--device", "*Camera*", "--limit", "3", "--json")
    documents = [json.loads(line) for line in out.splitlines()]
    assert (code, len(documents)) == (0, 3)
    assert documents[0]["key"].startswith("10Hz/2022-07-01/")
    assert documents[0]["root"] == str(data)
    code, out, told = command("catalog", "find", "--state", tmp_path, "--stage", "LB-*")
    assert (code, out) == (0, "")
    assert "no file fits; a pattern fits the whole name" in told
    code, out, _ = command("catalog", "find", "--state", tmp_path, "--device-state", "on", "--from", "2022-07-02")
    assert (code, out) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("index",), "name folders"),
        (("index", "/absent", "--state", "{state}"), "no folder"),
        (("index", "{state}"), "--state"),
        (("find", "--state", "{state}", "--from", "yesterday"), "--from"),
        (("find", "--state", "{state}", "--from", "2022-07-02", "--to", "2022-07-01"), "--from must lie before --to"),
        (("find", "--state", "{state}", "--device-state", "HAPPY"), "FAULT"),
    ],
)
def test_wrong_usage_is_one_sentence(tmp_path: Path, command: Run, arguments: tuple[str, ...], words: str) -> None:
    code, out, told = command("catalog", *(argument.format(state=tmp_path) for argument in arguments))
    assert code in {1, 2}
    assert (out, told.count("\n")) == ("", 1)
    assert words in told
