"""The catalog in a SQLite file: its queries use indexes, what it wrote lasts, and what goes wrong is one sentence."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.catalog import sqlite_schema
from connectors.catalog.opening import CATALOG_NAME, open_catalog
from connectors.catalog.settings import CatalogSettings
from connectors.catalog.sqlite_catalog import SqliteCatalog
from models.archive.file_query import FileQuery
from models.errors import FatalError, PetawatchError, RetryableError
from tests.support.catalog_examples import archived
from tests.support.catalog_uses import ask_everything, fill


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqliteCatalog]:
    catalog = SqliteCatalog(tmp_path / CATALOG_NAME)
    yield catalog
    catalog.close()


def test_every_query_uses_an_index_and_sorts_nothing(catalog: SqliteCatalog) -> None:
    fill(catalog)
    statements: set[str] = set()
    catalog._connection.set_trace_callback(statements.add)
    ask_everything(catalog)
    catalog._connection.set_trace_callback(None)
    asked = [text for text in statements if re.match(r"\s*(SELECT|WITH|UPDATE|DELETE)", text)]
    assert len(asked) > 30
    for text in asked:
        plan = [row["detail"] for row in catalog._connection.execute(f"EXPLAIN QUERY PLAN {text}")]
        scans = [step for step in plan if step.startswith("SCAN") and not re.search("json_each|CONSTANT|found", step)]
        if " WHERE " in text:  # whoever asks for all is given all
            assert all(" USING " in step for step in scans), (text, plan)
        if " FROM files" in text:
            assert not any("TEMP B-TREE" in step for step in plan), (text, plan)


def test_what_is_committed_is_on_the_disk(catalog: SqliteCatalog) -> None:
    full = 2
    assert catalog._connection.execute("PRAGMA synchronous").fetchone()[0] == full
    assert catalog._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_alike_contents_are_written_once(catalog: SqliteCatalog) -> None:
    catalog.add_files(archived(number) for number in range(50))
    assert catalog._connection.execute("SELECT count(*) FROM contents").fetchone()[0] == 1


def test_a_source_that_fails_leaves_whole_batches(catalog: SqliteCatalog) -> None:
    def files() -> Iterator[object]:
        yield from (archived(number) for number in range(1500))
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        catalog.add_files(files())  # type: ignore[arg-type]
    assert len(list(catalog.find_files(FileQuery()))) == 1000


_WRITER = """
import sys
from pathlib import Path
from connectors.catalog.sqlite_catalog import SqliteCatalog
from tests.support.catalog_examples import archived
catalog = SqliteCatalog(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    catalog.add_files([archived(number)])
    print(number, flush=True)
"""


def test_several_processes_write_at_once_and_a_killed_one_leaves_what_it_was_told_is_there(tmp_path: Path) -> None:
    file = tmp_path / "new" / "c.sqlite"
    ranges = [(0, 100_000), (100_000, 100_050)]
    killed, other = (
        subprocess.Popen([sys.executable, "-c", _WRITER, str(file), *map(str, numbers)], stdout=subprocess.PIPE)
        for numbers in ranges
    )
    assert killed.stdout is not None
    told = [int(killed.stdout.readline()) for _ in range(30)]
    killed.kill()
    told += [int(line) for line in killed.communicate()[0].splitlines(keepends=True) if line.endswith(b"\n")]
    assert len(other.communicate(timeout=120)[0].splitlines()) == 50
    assert other.returncode == 0
    catalog = SqliteCatalog(file)
    found = sum(file.size_bytes < 100_000 for file in catalog.find_files(FileQuery()))
    assert len(told) <= found <= len(told) + 1
    assert len(list(catalog.find_files(FileQuery()))) == found + 50
    catalog.close()


def test_an_earlier_format_is_brought_to_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / CATALOG_NAME
    before = SqliteCatalog(file)
    before.add_files([archived(0)])
    before.close()
    latest = sqlite_schema.SCHEMA_VERSION
    monkeypatch.setattr(sqlite_schema, "SCHEMA_VERSION", latest + 1)
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", {latest: ("ALTER TABLE files ADD COLUMN more DEFAULT 'x'",)})
    for _ in range(2):
        after = SqliteCatalog(file)
        assert after._connection.execute("SELECT more, key FROM files").fetchone()[0] == "x"
        assert after.file(archived(0).id) == archived(0)
        after.close()


def test_a_file_that_was_removed_is_let_go_by_all_who_use_it(tmp_path: Path) -> None:
    file = tmp_path / CATALOG_NAME
    one, other = SqliteCatalog(file), SqliteCatalog(file)
    one.add_files([archived(0)])
    assert other.file(archived(0).id) is not None
    file.unlink()
    assert one.file(archived(0).id) is None
    one.add_files([archived(1)])
    other.add_files([archived(2)])
    one.close()
    other.close()
    again = SqliteCatalog(file)
    assert list(again.find_files(FileQuery())) == [archived(1), archived(2)]
    again.close()


def test_a_file_that_is_replaced_under_its_log_is_refused(tmp_path: Path) -> None:
    file, backup = tmp_path / CATALOG_NAME, tmp_path / "backup.sqlite"
    before = SqliteCatalog(backup)
    before.add_files([archived(1)])
    before.close()
    catalog = SqliteCatalog(file)
    catalog.add_files([archived(0)])
    backup.replace(file)
    for _ in range(2):
        with pytest.raises(FatalError, match="-wal") as caught:
            catalog.add_files([archived(2)])
        assert caught.value.reason == "catalog_refused"
    for ending in ("-wal", "-shm"):
        file.with_name(file.name + ending).unlink()
    assert list(catalog.find_files(FileQuery())) == [archived(1)]
    catalog.close()


def test_a_catalog_of_the_first_format_gets_leases_and_the_order_of_versions(tmp_path: Path) -> None:
    file = tmp_path / CATALOG_NAME
    SqliteCatalog(file).close()
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE leases")
        connection.execute("DROP INDEX files_by_key")
        connection.execute("CREATE INDEX files_by_key ON files (key)")
        connection.execute("PRAGMA user_version=1")
    connection.close()
    after = SqliteCatalog(file)
    assert after.take_lease("bundling", "A", 60).holder == "A"
    index = after._connection.execute("SELECT name FROM pragma_index_info('files_by_key')").fetchall()
    assert [column["name"] for column in index] == ["key", "mtime_ns"]
    after.close()


def _refusal(file: Path) -> PetawatchError:
    with pytest.raises((FatalError, RetryableError)) as caught:
        SqliteCatalog(file)
    assert str(file) in str(caught.value)
    return caught.value


def test_the_catalog_of_a_newer_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / CATALOG_NAME
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_schema, "SCHEMA_VERSION", sqlite_schema.SCHEMA_VERSION + 1)
        SqliteCatalog(file).close()
    assert _refusal(file).reason == "catalog_too_new"


def test_files_that_are_no_catalog_are_refused_and_left(tmp_path: Path) -> None:
    other, text, folder = tmp_path / "other.sqlite", tmp_path / "notes.txt", tmp_path / "folder"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE things (n)")
    connection.close()
    text.write_text("notes of the shift, in plain words, which are no catalog\n" * 20)
    folder.mkdir()
    contents = other.read_bytes(), text.read_bytes()
    assert _refusal(other).reason == "catalog_refused"
    assert _refusal(text).reason == "catalog_damaged"
    assert _refusal(folder).reason == "catalog_refused"
    assert _refusal(text / "below").reason == "catalog_refused"
    assert (other.read_bytes(), text.read_bytes()) == contents


def test_damage_is_found_when_it_is_met(tmp_path: Path) -> None:
    file = tmp_path / CATALOG_NAME
    catalog = SqliteCatalog(file)
    catalog.add_files(archived(number) for number in range(500))
    catalog.close()
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[4096:middle] = b"\x5a" * (middle - 4096)
    file.write_bytes(content)
    with pytest.raises(FatalError, match="cartridges") as caught:
        list(SqliteCatalog(file).find_files(FileQuery()))
    assert caught.value.reason == "catalog_damaged"


def test_a_full_disk_is_waited_for_and_nothing_is_half(catalog: SqliteCatalog) -> None:
    catalog.add_files([archived(0)])
    pages = catalog._connection.execute("PRAGMA page_count").fetchone()[0]
    catalog._connection.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(RetryableError) as caught:
        catalog.add_files(archived(number) for number in range(900))
    assert caught.value.reason == "disk_full"
    assert list(catalog.find_files(FileQuery())) == [archived(0)]
    catalog._connection.execute("PRAGMA max_page_count=1000000")
    assert catalog.add_files(archived(number) for number in range(900)) == 899


def test_one_that_another_program_holds_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sqlite_file._BUSY_TIMEOUT_S", 0.05)
    holder, waiter = SqliteCatalog(tmp_path / CATALOG_NAME), SqliteCatalog(tmp_path / CATALOG_NAME)
    with holder._writing():
        with pytest.raises(RetryableError, match="another program holds") as caught:
            waiter.add_files([archived(0)])
        assert waiter.known_files([archived(0).id]) == set()
    assert caught.value.reason == "catalog_busy"
    assert waiter.add_files([archived(0)]) == 1
    holder.close()
    waiter.close()


def test_a_value_that_no_catalog_can_hold_is_named(catalog: SqliteCatalog) -> None:
    for file in (archived(0, size_bytes=1 << 63), archived(0, root="\udc80")):
        with pytest.raises(FatalError, match="can't hold") as caught:
            catalog.add_files([file])
        assert caught.value.reason == "catalog_refused"
    assert list(catalog.find_files(FileQuery())) == []


def test_other_addresses_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FatalError, match="neither a file nor mongodb") as caught:
        open_catalog(CatalogSettings(address="postgres://host"), tmp_path)
    assert caught.value.reason == "catalog_refused"
    named = open_catalog(CatalogSettings(address=str(tmp_path / "named.sqlite")), tmp_path / "archive")
    assert named.address == str(tmp_path / "named.sqlite")
    named.close()


def test_without_its_extra_mongodb_is_told_how_to_come_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FatalError, match=r"pip install 'petawatch\[mongodb\]'") as caught:
        open_catalog(CatalogSettings(address="mongodb://127.0.0.1:1"), tmp_path)
    assert caught.value.reason == "catalog_refused"
