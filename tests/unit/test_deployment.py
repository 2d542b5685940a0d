"""The image and the compose files say what the program, its settings and its topics say."""

import http.client
import json
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
from ruamel.yaml import YAML

from connectors.access.role import Role
from connectors.access.tokens import ApiTokens
from connectors.process_lock import ProcessLock
from dashboards.grafana.board import CONSOLE_ADDRESS
from models.errors import FatalError
from servers.prometheus_server import promtool
from streams.archive.uploading.archiver import LOCK_NAME as ARCHIVER_LOCK
from streams.command_line import app
from streams.console.access.access import Access
from streams.console.settings import ConsoleSettings
from streams.facility.settings import WorkerSettings
from streams.http_health import HealthServer, ReadyPart
from streams.metrics import WatchMetrics
from streams.settings import Settings, load_settings
from streams.topology import TOPICS, TopicSettings, partition_count
from tests.support.consoles import console_client
from tests.support.manual_clock import ManualClock
from tests.support.served_console import served_console
from tests.support.signing_in import add_user

ROOT = Path(__file__).parents[2]
COMPOSE, SCRAM = "docker-compose.yml", "deploy/docker-compose.scram.yml"
ARCHIVE = "deploy/docker-compose.archive.yml"
CONFIGURATION, SCRAPE = "deploy/petawatch.toml", "deploy/prometheus.yml"
#: Where the settings' file lies in every container of Petawatch.
INSIDE = "/etc/petawatch.toml"
METRICS_PORT = 9464
CONSOLE_PORT = urlsplit(CONSOLE_ADDRESS).port


@cache
def document(name: str) -> Any:
    return YAML(typ="safe", pure=True).load(ROOT / name)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


FACILITY: dict[str, dict[str, Any]] = document(COMPOSE)["services"]
#: Services that come with the archive; the other entries of its file add something to those of the facility.
ARCHIVING = {name: service for name, service in document(ARCHIVE)["services"].items() if name not in FACILITY}
SERVICES = FACILITY | ARCHIVING
VOLUMES: dict[str, Any] = document(COMPOSE)["volumes"] | document(ARCHIVE)["volumes"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("petawatch:")}
#: They serve metrics, health and the pages of alerts.
SERVED = {
    name: service
    for name, service in OURS.items()
    if "--http" in service["command"] and service["command"][0] != "console"
}
CONSOLE = FACILITY["console"]


def instructions(*names: str) -> list[str]:
    """What follows these instructions in the Dockerfile, with continued lines joined."""
    lines = text("Dockerfile").replace("\\\n", " ").splitlines()
    return [rest.strip() for name, _, rest in (line.partition(" ") for line in lines) if name in names]


def defaults(text: str) -> str:
    """What compose makes of it when no variable is set."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", text)


def chosen(text: str) -> str:
    """The same where the installation was given a name, as the keeper of the tapes wants."""
    return defaults(text.replace("${INSTALLATION:-}", "our-laser"))


def mounts(service: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """By path in the container: what is mounted there, and whether read-only."""
    found = {}
    for entry in service.get("volumes", []):
        bare = defaults(entry)
        source, target, *mode = bare.split(":")
        found[target] = (source, mode == ["ro"])
    return found


@pytest.mark.parametrize("name", [COMPOSE, SCRAM, ARCHIVE])
def test_compose_files_follow_the_specification(name: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(ROOT / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_services_are_those_of_a_facility() -> None:
    expected = {
        "kafka",
        "topics",
        "connector",
        "worker-1",
        "worker-2",
        "console",
        "watch",
        "prometheus",
        "alertmanager",
        "grafana",
    }
    assert set(FACILITY) == expected
    assert {name for name, service in FACILITY.items() if "profiles" in service} == {"watch", "alertmanager"}


def test_the_services_of_an_archive() -> None:
    profiles = {name: service.get("profiles") for name, service in ARCHIVING.items()}
    assert profiles == {
        "archiver": None,
        "states": None,
        "tape": ["tape"],
        "minio": ["store"],
        "mongodb": ["store"],
    }


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_understood(name: str) -> None:
    command, arguments = typer.main.get_command(app), list(OURS[name]["command"])
    while getattr(command, "commands", None):
        command = command.commands[arguments.pop(0)]  # type: ignore[attr-defined]
    parameters = command.make_context(name, arguments).params
    assert str(parameters["config"]) == INSIDE
    port = CONSOLE_PORT if name == "console" else METRICS_PORT
    assert parameters.get("http", f"0.0.0.0:{port}") == f"0.0.0.0:{port}"
    if "state" in parameters:
        source, read_only = mounts(OURS[name])[str(parameters["state"])]
        assert source in VOLUMES
        assert not read_only


@pytest.mark.parametrize("name", OURS)
def test_folders_that_a_command_reads_are_mounted_and_safe_from_it(name: str) -> None:
    found = mounts(OURS[name])
    assert found[INSIDE] == (f"./{CONFIGURATION}", True)
    for argument in OURS[name]["command"]:
        if argument.startswith("/data"):
            assert found[argument][1]


def test_the_configuration_agrees_with_the_broker_and_the_topics() -> None:
    settings = load_settings(ROOT / CONFIGURATION)
    listeners = dict(
        part.split("://") for part in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    )
    assert settings.kafka.bootstrap_servers == listeners["PLAINTEXT"]
    named = tomllib.loads(text(CONFIGURATION))["topics"]
    assert set(named) == {"installation", "replication", *(row.partitions for row in TOPICS if row.partitions)}
    assert all(partition_count(row, settings.topics) == partition_count(row, TopicSettings()) for row in TOPICS), (
        f"{CONFIGURATION} shows other counts than the defaults that the guide explains"
    )
    assert settings.topics.replication == 1  # there is one broker


def test_the_brokers_own_topics_fit_one_broker() -> None:
    environment = SERVICES["kafka"]["environment"]
    copies = {name: value for name, value in environment.items() if name.endswith(("REPLICATION_FACTOR", "MIN_ISR"))}
    assert set(copies.values()) == {"1"}
    assert len(copies) == 5
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert environment["KAFKA_LOG_DIRS"] in mounts(SERVICES["kafka"])


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    for file in (COMPOSE, SCRAM, ARCHIVE):
        for name, service in document(file)["services"].items():
            ours = {key: value for key, value in service.get("environment", {}).items() if key.startswith("PETAWATCH")}
            if ours:
                yield f"{file}: {name}", ours


@pytest.mark.parametrize(("where", "environment"), list(environments()))
def test_the_environment_names_settings(
    where: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Settings()
    for name, value in environment.items():
        monkeypatch.setenv(name, "broker:9093" if value.startswith("${KAFKA:?") else chosen(value))
        target: Any = known
        for part in name.removeprefix("PETAWATCH_").lower().split("__"):
            assert hasattr(target, part), f"{where}: {name}"
            target = getattr(target, part)
    settings = load_settings(ROOT / CONFIGURATION)
    if where.startswith(SCRAM):
        assert settings.kafka.bootstrap_servers == "broker:9093"
        assert settings.kafka.security_protocol == "SASL_SSL"
    else:
        assert settings.archive.store == "s3://petawatch"


def test_secrets_come_as_files() -> None:
    for file in (COMPOSE, SCRAM, ARCHIVE):
        for service in document(file)["services"].values():
            named = {key for key in service.get("environment", {}) if re.search("PASSWORD|SECRET|TOKEN|URL", key)}
            assert all(key.endswith("_FILE") for key in named)
    assert "webhook_urls = []" in text(CONFIGURATION)
    for file in (SCRAM, ARCHIVE):
        secured = document(file)
        for service in secured["services"].values():
            given = {f"/run/secrets/{secret}" for secret in service.get("secrets", [])}
            wanted = {value for key, value in service.get("environment", {}).items() if key.endswith("_FILE")}
            assert wanted == given
            if any(key.startswith("PETAWATCH") for key in service.get("environment", {})):
                assert set(service["secrets"]) == set(secured["secrets"])
        for name, secret in secured["secrets"].items():
            assert re.fullmatch(rf"\./deploy/secrets/{name}(\.pem)?", secret["file"])
            assert set(secret) == {"file"}
    assert "deploy/secrets/" in text(".gitignore").splitlines()


def test_a_cluster_elsewhere_needs_no_broker_here() -> None:
    secured = document(SCRAM)["services"]
    assert set(secured["kafka"]["profiles"])
    assert secured["topics"]["depends_on"]["kafka"]["required"] is False
    needing = [name for name, service in SERVICES.items() if "kafka" in service.get("depends_on", {})]
    assert needing == ["topics"]


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_privileged(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "ipc", "devices", "userns_mode"} & set(service)
    # Only who must see whether a cartridge was mounted anew sees the host's processes.
    assert service.get("pid") == ("host" if name == "tape" else None)
    assert not any("docker.sock" in source for source, _ in mounts(service).values())
    assert not str(service.get("user", "")).startswith(("0", "root"))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_bounded_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert service["restart"] == ("on-failure:5" if name == "topics" else "unless-stopped")
    assert service["logging"]["options"]["max-size"]
    assert int(service["stop_grace_period"].removesuffix("s")) > WorkerSettings().shutdown_s + 5
    assert all(re.search(r"\bsize=\d+m\b", entry) for entry in service["tmpfs"])


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_loopback(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_no_two_services_have_one_port() -> None:
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(set(published)) == len(published)


def test_images_are_pinned() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += [line.split()[0] for line in instructions("FROM")]
    for image in images:
        assert re.search(r":(v?\d+\.\d+\.\d+|RELEASE\.\d{4}(-\d\d){2}T(\d\d-){2}\d\dZ$)", image), image
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert {service["image"] for service in OURS.values()} == {f"petawatch:{version}"}
    assert len({line.split()[0] for line in instructions("FROM")}) == 1
    (uv,) = re.findall(r"uv==([\d.]+)", text("Dockerfile"))
    assert f"UV_VERSION := {uv}\n" in text("Makefile")


def test_volumes_are_declared_and_used() -> None:
    used = {source for service in SERVICES.values() for source, _ in mounts(service).values()}
    assert {source for source in used if not source.startswith(".")} == set(VOLUMES)
    for source in used:
        if source.startswith("./deploy"):
            assert (ROOT / source).exists()


def test_what_must_last_is_no_ones_elses() -> None:
    """Each state directory and journal belongs to one watch; only the workers share theirs, as standbys.

    The archiver and the states behind the recorder write into the archive's folder below it, the console into the
    database of decisions, which is made for several.
    """
    holders: dict[str, list[str]] = {}
    for name, service in SERVICES.items():
        for source, read_only in mounts(service).values():
            if not read_only and source != "kernels":
                holders.setdefault(source, []).append(name)
    assert holders.pop("state") == ["worker-1", "worker-2", "console", "archiver", "states"]
    assert all(len(names) == 1 for names in holders.values())


def test_every_worker_has_a_name_that_lasts() -> None:
    workers = [name for name, service in OURS.items() if service["command"][0] in {"worker", "connect"}]
    assert workers
    assert all(SERVICES[name]["hostname"] == name for name in workers)


def test_kernels_have_a_place_that_can_be_written() -> None:
    (directory,) = set(re.findall(r"NUMBA_CACHE_DIR=(\S+)", text("Dockerfile")))
    for service in OURS.values():
        assert mounts(service)[directory] == ("kernels", False)


def test_what_is_scraped_is_what_serves() -> None:
    scraped: dict[str, str] = {}
    for job in document(SCRAPE)["scrape_configs"]:
        assert set(job) <= {"job_name", "static_configs", "dns_sd_configs", "authorization"}
        assert ("authorization" in job) == (job["job_name"] == "console")
        for group in job.get("static_configs", []):
            scraped |= dict(target.split(":") for target in group["targets"])
        for group in job.get("dns_sd_configs", []):
            assert group["type"] == "A"
            scraped |= dict.fromkeys(group["names"], str(group["port"]))
    own = scraped.pop("127.0.0.1")
    assert scraped.pop("console") == str(CONSOLE_PORT)
    assert scraped == dict.fromkeys(SERVED, str(METRICS_PORT))
    assert SERVICES["prometheus"]["ports"] == [f"127.0.0.1:{own}:{own}"]
    names = [job["job_name"] for job in document(SCRAPE)["scrape_configs"]]
    assert len(set(names)) == len(names)
    network = SERVICES["prometheus"]["networks"]
    assert all(service["networks"] == network for service in SERVICES.values())


def test_dashboards_and_links_lead_to_the_console() -> None:
    assert CONSOLE["ports"] == [f"127.0.0.1:{CONSOLE_PORT}:{CONSOLE_PORT}"]
    assert load_settings(ROOT / CONFIGURATION).links.address == CONSOLE_ADDRESS


def test_the_console_is_never_open() -> None:
    assert "--open-to-everyone" not in CONSOLE["command"]
    host, _, _ = CONSOLE["command"][-1].partition(":")
    with pytest.raises(FatalError, match="nobody can sign in"):
        Access(Path("/nowhere"), host, ConsoleSettings(), ManualClock())


def test_prometheus_may_ask_the_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = [each for each in document(SCRAPE)["scrape_configs"] if each["job_name"] == "console"]
    folder, name = job["authorization"]["credentials_file"].rsplit("/", 1)
    source, read_only = mounts(SERVICES["prometheus"])[folder]
    assert read_only
    ignored = subprocess.run(
        ["git", "check-ignore", f"{source}/{name}", f"{source}/.gitignore"], cwd=ROOT, capture_output=True, check=False
    )
    assert ignored.stdout.decode().split() == [
        f"{source}/{name}"
    ]  # the folder comes along, what is put into it does not

    monkeypatch.setattr(socket, "gethostname", lambda: CONSOLE["hostname"])
    clock = ManualClock()
    add_user(tmp_path, "anna", Role.ADMIN, clock)
    token = ApiTokens(tmp_path, clock).create("anna", Role.VIEWER, purpose="prometheus", days=365)
    client = console_client(tmp_path, host="0.0.0.0", clock=clock)  # noqa: S104 - as in its container
    ((target,),) = [group["targets"] for group in job["static_configs"]]
    assert client.get("/metrics", headers={"Host": target}).status_code == 401
    shown = {"Host": target, "Authorization": f"Bearer {token}"}
    assert client.get("/metrics", headers=shown).status_code == 200


def test_the_health_check_of_the_console_asks_what_is_served(tmp_path: Path) -> None:
    add_user(tmp_path, "anna", Role.VIEWER)  # it asks for a sign-in, as in its container
    kind, _, flag, program = CONSOLE["healthcheck"]["test"]
    assert (kind, CONSOLE_ADDRESS in program) == ("CMD", True)
    with served_console(tmp_path) as address:
        command = [sys.executable, flag, program.replace(CONSOLE_ADDRESS, address)]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_prometheus_loads_the_rules_that_are_shipped() -> None:
    ((source, read_only),) = [
        place for target, place in mounts(SERVICES["prometheus"]).items() if target == "/etc/prometheus/rules"
    ]
    assert read_only
    assert document(SCRAPE)["rule_files"] == ["/etc/prometheus/rules/*.yml"]
    assert sorted(path.name for path in (ROOT / source).glob("*.yml")) == ["alerts.yml", "recording.yml"]


@pytest.mark.usefixtures("prometheus_programs")
def test_prometheus_understands_its_configuration() -> None:
    done = promtool("check", "config", "--syntax-only", ROOT / SCRAPE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_go_to_the_alertmanager_that_is_shipped() -> None:
    ((told,),) = [each["dns_sd_configs"] for each in document(SCRAPE)["alerting"]["alertmanagers"]]
    service = SERVICES["alertmanager"]
    assert told["names"] == ["alertmanager"]
    assert service["ports"] == [f"127.0.0.1:{told['port']}:{told['port']}"]
    (target,) = [word.partition("=")[2] for word in service["command"] if word.startswith("--config.file")]
    configuration, read_only = mounts(service)[target]
    assert read_only
    read = set(re.findall(r"_file: (\S+)", text(configuration.removeprefix("./"))))
    assert read == {f"/run/secrets/{name}" for name in service["secrets"]}
    assert {name: secret["file"] for name, secret in document(COMPOSE)["secrets"].items()} == {
        name: f"./deploy/secrets/{name}" for name in service["secrets"]
    }


@pytest.mark.parametrize("name", SERVED)
def test_health_checks_ask_what_is_served(name: str) -> None:
    clock = ManualClock()
    with HealthServer("127.0.0.1:0", WatchMetrics(clock), clock) as health:
        health.ready(*ReadyPart)
        kind, _, *arguments = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD"
        local = [argument.replace(f"127.0.0.1:{METRICS_PORT}", f"127.0.0.1:{health.port}") for argument in arguments]
        command = [sys.executable, *local]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
        clock.advance(1000)
        assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_metrics_are_served_where_prometheus_asks() -> None:
    clock = ManualClock()
    with HealthServer("127.0.0.1:0", WatchMetrics(clock), clock) as health:
        connection = http.client.HTTPConnection("127.0.0.1", health.port)
        connection.request("GET", "/metrics")  # the path that Prometheus takes unless told otherwise
        assert connection.getresponse().status == 200
        connection.close()


def test_the_health_check_of_the_archiver_asks_for_its_lock(tmp_path: Path) -> None:
    arguments = list(ARCHIVING["archiver"]["command"])
    folder = f"{arguments[arguments.index('--state') + 1]}/archive"
    kind, _, flag, program = ARCHIVING["archiver"]["healthcheck"]["test"]
    assert (kind, f'"{folder}/{ARCHIVER_LOCK}"' in program) == ("CMD", True)
    command = [sys.executable, flag, program.replace(folder, str(tmp_path))]
    with ProcessLock.of_file(tmp_path / ARCHIVER_LOCK):
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_the_archives_servers_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ARCHIVING["tape"]["environment"].items():
        monkeypatch.setenv(name, chosen(value))
    settings = load_settings(ROOT / CONFIGURATION)
    minio, mongodb = ARCHIVING["minio"], ARCHIVING["mongodb"]
    (port,) = re.findall(r"^:(\d+)$", "\n".join(minio["command"]), re.MULTILINE)
    assert settings.object_store.endpoint == f"minio:{port}"
    assert settings.object_store.access_key == minio["environment"]["MINIO_ROOT_USER"]
    assert str(settings.object_store.secret_key_file) == minio["environment"]["MINIO_ROOT_PASSWORD_FILE"]
    assert minio["command"][1] in mounts(minio)
    assert settings.catalog.address == "mongodb://mongodb:27017"
    assert settings.catalog.user == mongodb["environment"]["MONGO_INITDB_ROOT_USERNAME"]
    assert str(settings.catalog.password_file) == mongodb["environment"]["MONGO_INITDB_ROOT_PASSWORD_FILE"]
    assert settings.archive.installation == "our-laser"
    (cartridges,) = [target for target in mounts(ARCHIVING["tape"]) if target.startswith("/mnt")]
    assert [mount.parent for mount in settings.tape.mounts] == [Path(cartridges)] * 2
    assert any(entry.endswith(f":{cartridges}:rslave") for entry in ARCHIVING["tape"]["volumes"])


def test_all_of_an_archive_is_told_the_same_of_it() -> None:
    """Who archives, who keeps the tapes, and who shows what lies in the store."""
    told = {
        name: {key: value for key, value in service["environment"].items() if "TAPE" not in key}
        for name, service in document(ARCHIVE)["services"].items()
        if service.get("image") not in {ARCHIVING["minio"]["image"], ARCHIVING["mongodb"]["image"]}
    }
    assert set(told) == {"connector", "worker-1", "worker-2", "console", "archiver", "states", "tape"}
    assert all(environment == told["tape"] for environment in told.values())


def test_every_service_but_those_that_end_is_checked() -> None:
    for name, service in SERVICES.items():
        check = service["healthcheck"]
        assert ("test" in check) == (name not in {"topics", "states"})


def test_services_wait_for_what_they_need() -> None:
    for name in ("connector", "worker-1", "worker-2"):
        assert SERVICES[name]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
    assert SERVICES["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}


def test_the_image_has_all_packages_and_no_training() -> None:
    assert all("--extra mongodb" in line for line in instructions("RUN") if "uv sync" in line)
    project = tomllib.loads(text("pyproject.toml"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    copied = {word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]}
    assert copied == {"pyproject.toml", "uv.lock", "README.md", "LICENSE", *packages}
    let_through = {line.removeprefix("!") for line in text(".dockerignore").splitlines() if line.startswith("!")}
    assert let_through == copied
    installed = [line for line in instructions("RUN") if "uv sync" in line]
    assert len(installed) == 2
    for line in installed:
        assert "--frozen --no-dev --extra kafka" in line
        assert "training" not in line
        assert "all-extras" not in line


def test_the_image_runs_as_nobody_special() -> None:
    (user,) = instructions("USER")
    (number,) = re.findall(rf"useradd .*--uid (\d+) .*\b{user}\b", "\n".join(instructions("RUN")))
    assert {service["user"] for service in OURS.values()} == {f"{number}:{number}"}
    assert [json.loads(line) for line in instructions("ENTRYPOINT")] == [["petawatch"]]
    assert instructions("FROM")[-1].split() == [instructions("FROM")[0].split()[0]]  # a second stage, without tools
    for directory in ("/var/lib/petawatch", "/var/cache/petawatch"):
        assert re.search(rf"(--owner|--chown)={user}.*{directory}", text("Dockerfile").replace("\\\n", " "))
