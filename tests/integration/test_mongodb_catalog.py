"""The catalog on a real server of MongoDB's protocol: indexes, checked documents, and what an operator is told."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.errors import WriteError
from pymongo.monitoring import CommandListener, CommandStartedEvent, CommandSucceededEvent

from connectors.catalog import mongodb_database, mongodb_files, mongodb_schema
from connectors.catalog.mongodb_catalog import MongodbCatalog
from connectors.catalog.settings import CatalogSettings
from models.archive.file_query import FileQuery
from models.errors import FatalError, PetawatchError, RetryableError
from servers.certificates import Authority
from servers.mongodb_server import MongodbServer
from tests.support.catalog_examples import archived, bundle_of
from tests.support.catalog_uses import ask_everything, fill
from tests.support.watching import wait_until

Answer = TypeVar("Answer")


def _settings(server: MongodbServer, **options: Any) -> CatalogSettings:
    return CatalogSettings(
        **{"address": server.address, "database": f"test-{uuid.uuid4().hex[:12]}", "timeout_s": 20.0, **options}
    )


@pytest.fixture
def settings(mongodb: MongodbServer) -> CatalogSettings:
    """A database of the test's own."""
    return _settings(mongodb)


@pytest.fixture
def catalog(settings: CatalogSettings) -> Iterator[MongodbCatalog]:
    catalog = MongodbCatalog(settings)
    yield catalog
    catalog.close()


@pytest.fixture
def own_server(mongodb: MongodbServer, tmp_path: Path) -> Iterator[MongodbServer]:
    """One that the test may stop; asking for the shared one skips where there is none."""
    server = MongodbServer(tmp_path / "server")
    yield server
    server.kill()


def _refusal(settings: CatalogSettings) -> PetawatchError:
    with pytest.raises((FatalError, RetryableError)) as caught:
        MongodbCatalog(settings)
    assert settings.address in str(caught.value)
    return caught.value


class _Asked(CommandListener):
    """The commands that a client sends."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []
        #: Of those that found more than they returned at once.
        self.cursors: list[int] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.commands.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if cursor := event.reply.get("cursor", {}).get("id"):
            self.cursors.append(cursor)

    def failed(self, event: object) -> None:
        """Of no interest."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> _Asked:
    """What catalogs that the test opens send."""
    asked = _Asked()
    monkeypatch.setattr(mongodb_database, "MongoClient", partial(MongoClient, event_listeners=[asked]))
    return asked


def _steps(plan: Any) -> Iterator[str]:
    """The steps of a plan, wherever they stand in it."""
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for part in plan.values():
            yield from _steps(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from _steps(part)


def test_every_query_uses_an_index(settings: CatalogSettings, asked: _Asked) -> None:
    catalog = MongodbCatalog(settings)
    fill(catalog)
    del asked.commands[:]
    ask_everything(catalog)
    catalog.close()
    with MongoClient[dict[str, Any]](settings.address) as client:
        database = client[settings.database]
        finds = [command for command in asked.commands if "find" in command]
        assert len(finds) > 40
        for command in finds:
            plain = {name: value for name, value in command.items() if not name.startswith(("$", "lsid", "read"))}
            steps = set(_steps(database.command("explain", plain)["queryPlanner"]["winningPlan"]))
            whole = command["find"] == "episodes" and not command["filter"]  # the places of all
            assert whole or steps & {"IXSCAN", "IDHACK", "EXPRESS_IXSCAN"}, command
            assert whole or "COLLSCAN" not in steps, command
    for command in asked.commands:
        assert not {"aggregate", "distinct", "count"} & command.keys()
        assert all("_id" in each["q"] for each in (*command.get("updates", ()), *command.get("deletes", ())))


def test_documents_of_another_shape_are_refused_by_the_server(catalog: MongodbCatalog) -> None:
    fill(catalog)
    for name in mongodb_schema.INDEXES:
        good = catalog._database[name].find_one()
        assert good is not None
        for bad in ({**good, "more": 1}, {key: value for key, value in good.items() if key == "_id"}):
            with pytest.raises(WriteError, match="validation"):
                catalog._database[name].replace_one({"_id": good["_id"]}, bad)


def test_a_write_is_confirmed_by_the_journals_of_the_majority(catalog: MongodbCatalog) -> None:
    concern = catalog._database.files.write_concern.document
    assert (concern["w"], concern["j"]) == ("majority", True)
    assert concern["wtimeout"] > 0
    assert catalog._database.files.read_concern.level == "majority"


def test_a_bundle_counts_once_all_its_members_are_there(
    catalog: MongodbCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [archived(0), archived(1)]
    catalog.add_files(files)
    bundle = bundle_of(*files)
    put = catalog._put

    def dies_before_the_bundle(name: str, documents: Any) -> None:
        if name == "bundles":
            raise KeyboardInterrupt
        put(name, documents)

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "_put", dies_before_the_bundle)
        with pytest.raises(KeyboardInterrupt):
            catalog.add_bundle(bundle)
    assert catalog.bundle(bundle.id) is None
    assert catalog.bundles_of([file.id for file in files]) == {}
    assert catalog.unbundled_files(5) == files
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "_mark_bundled", lambda ids: None)
        catalog.add_bundle(bundle)
    assert catalog.bundle(bundle.id) == bundle
    assert catalog.unbundled_files(5) == []
    assert catalog._database.files.count_documents({"bundled": False}) == 0


def test_a_bundle_without_all_its_members_is_damage(catalog: MongodbCatalog) -> None:
    bundle = bundle_of(archived(0), archived(1))
    catalog.add_bundle(bundle)
    catalog._database.bundle_members.delete_one({"position": 1})
    with pytest.raises(FatalError, match="1 of 2 members") as caught:
        catalog.bundle(bundle.id)
    assert caught.value.reason == "catalog_damaged"


def test_a_search_that_the_server_forgot_goes_on(
    settings: CatalogSettings, asked: _Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongodb_files, "BATCH", 10)
    catalog = MongodbCatalog(settings)
    files = [archived(number, first_ns=number // 4, last_ns=number) for number in range(35)]
    catalog.add_files(files)
    found = catalog.find_files(FileQuery())
    seen = [next(found) for _ in range(5)]
    assert asked.cursors[-1]
    catalog._database.command("killCursors", "files", cursors=asked.cursors[-1:])
    assert [*seen, *found] == files
    assert len([command for command in asked.commands if "find" in command and "$and" in command["filter"]]) == 1
    catalog.close()


def test_several_programs_make_it_and_write_to_it_at_once(settings: CatalogSettings) -> None:
    def added(start: int) -> int:
        with closing(MongodbCatalog(settings)) as catalog:
            return catalog.add_files(archived(number) for number in range(start, start + 40))

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(added, (0, 20, 40, 60)))
    with closing(MongodbCatalog(settings)) as catalog:
        assert sum(counts) == len(list(catalog.find_files(FileQuery()))) == 100
        assert len({each["sequence"] for each in catalog._database.files.find()}) == 100


def test_the_catalog_of_a_newer_version_is_refused(settings: CatalogSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(mongodb_schema, "SCHEMA_VERSION", mongodb_schema.SCHEMA_VERSION + 1)
        MongodbCatalog(settings).close()
    assert _refusal(settings).reason == "catalog_too_new"


def test_an_earlier_format_is_brought_to_this_one(settings: CatalogSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = MongodbCatalog(settings)
    before.add_files([archived(0)])
    before.close()
    latest = mongodb_schema.SCHEMA_VERSION
    monkeypatch.setattr(mongodb_schema, "SCHEMA_VERSION", latest + 1)
    rename = {"$set": {"root": "/migrated"}}
    monkeypatch.setattr(
        mongodb_schema, "MIGRATIONS", {latest: lambda database: database.files.update_many({"root": "/data"}, rename)}
    )
    for _ in range(2):
        after = MongodbCatalog(settings)
        assert after.file(archived(0).id) == replace(archived(0), root="/migrated")
        assert after._database.meta.find_one({"_id": "schema"}) == {"_id": "schema", "version": latest + 1}
        after.close()


def test_a_catalog_of_the_first_format_gets_leases_and_the_order_of_versions(settings: CatalogSettings) -> None:
    before = MongodbCatalog(settings)
    before.add_files([archived(0)])
    before._database.leases.drop()
    before._database.files.drop_index("by_version")
    before._database.files.create_index([("key", 1), ("sequence", 1)], name="by_key")
    before.close()
    for _ in range(2):  # killed before it noted the format, it does it again
        with closing(MongodbCatalog(settings)) as unaware:
            unaware._database.meta.update_one({"_id": "schema"}, {"$set": {"version": 1}})
        with closing(MongodbCatalog(settings)) as after:
            assert after.take_lease("bundling", "A", 60).holder == "A"
            assert after.file(archived(0).id) == archived(0)
            names = after._database.files.index_information().keys()
            assert ("by_version" in names, "by_key" in names) == (True, False)


def test_a_database_of_another_program_is_left_alone(settings: CatalogSettings) -> None:
    with MongoClient[dict[str, Any]](settings.address) as client:
        client[settings.database].things.insert_one({"n": 1})
        refusal = _refusal(settings)
        assert (refusal.reason, "things" in str(refusal)) == ("catalog_refused", True)
        assert client[settings.database].list_collection_names() == ["things"]


def test_values_that_no_catalog_can_hold_are_named(catalog: MongodbCatalog) -> None:
    for file in (archived(0, size_bytes=1 << 63), archived(0, root="\udc80"), archived(0, root="x" * (17 << 20))):
        with pytest.raises(FatalError, match="can't hold") as caught:
            catalog.add_files([file])
        assert caught.value.reason == "catalog_refused"
    assert list(catalog.find_files(FileQuery())) == []


def test_addresses_that_are_none_are_refused(tmp_path: Path) -> None:
    for address in ("mongodb://", "mongodb://host:port"):
        assert _refusal(CatalogSettings(address=address, timeout_s=0.2)).reason == "catalog_refused"


def _by_itself(work: Callable[[], Answer]) -> Answer:
    """What is done again as long as the server is said to be away."""
    answers: list[Answer] = []

    def done() -> bool:
        with suppress(RetryableError):
            answers.append(work())
        return bool(answers)

    wait_until(done)
    return answers[0]


def test_a_server_that_is_away_is_waited_for_and_a_login_is_checked(own_server: MongodbServer, tmp_path: Path) -> None:
    settings = _settings(own_server, timeout_s=1.0)
    assert _refusal(replace(settings, timeout_s=0.2)).reason == "catalog_away"
    own_server.start()
    with MongoClient[dict[str, Any]](own_server.address) as client:
        client.admin.command("createUser", "keeper", pwd="right", roles=["root"])  # noqa: S106 - no secret
        client.admin.command("fsync")
    settings = replace(settings, user="keeper", password=SecretStr("right"))
    catalog = _by_itself(lambda: MongodbCatalog(settings))
    _by_itself(lambda: catalog.add_files([archived(0)]))
    own_server.kill()
    with pytest.raises(RetryableError, match="does not answer") as caught:
        catalog.add_files([archived(1)])
    assert caught.value.reason == "catalog_away"
    own_server.asks_for_login = True
    own_server.start()
    _by_itself(lambda: catalog.add_files([archived(1)]))
    assert _by_itself(lambda: catalog.known_files([archived(0).id, archived(1).id])) >= {archived(1).id}
    catalog.close()
    secret = tmp_path / "secret"
    secret.write_text("right\n")
    in_file = replace(settings, password=SecretStr(""), password_file=secret, timeout_s=20.0)
    MongodbCatalog(in_file).close()
    for wrong in (replace(in_file, password_file=None, password=SecretStr("wrong")), replace(in_file, user="")):
        refusal = _refusal(wrong)
        assert refusal.reason == "catalog_login"
        assert "wrong" not in str(refusal)


def test_only_a_trusted_certificate_is_taken(
    mongodb: MongodbServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    authority = Authority(tmp_path / "authority")
    server = MongodbServer(tmp_path / "server", identity=authority.identity("server"))
    request.addfinalizer(server.kill)
    server.start()
    MongodbCatalog(_settings(server, ca_file=authority.certificate)).close()
    refusal = _refusal(_settings(server, address=f"{server.address}/?tls=true", timeout_s=5.0))
    assert (refusal.reason, "not trusted" in str(refusal)) == ("catalog_refused", True)
    assert _refusal(_settings(server, ca_file=tmp_path / "none")).reason == "catalog_refused"
