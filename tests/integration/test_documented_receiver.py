"""The receiver that the guide shows is a receiver: it takes what is signed, and nothing else."""

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.webhooks.signing import new_secret
from servers.server_process import free_port
from tests.support.commands import Run
from tests.support.watching import wait_until

GUIDE = Path(__file__).parents[2] / "docs" / "control-room.md"
SECRET = new_secret()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def receiver(port: int) -> Iterator["subprocess.Popen[str]"]:
    """The code of the guide with a secret and an address of its own."""
    (code,) = re.findall(r"```python\n(from http\.server .*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert code.count('"whsec_..."') == code.count("8000") == 1
    code = code.replace("whsec_...", SECRET).replace("8000", str(port))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: answer_of(port, b"{}") == 401)
        yield process
    finally:
        process.kill()
        process.communicate()


def answer_of(port: int, body: bytes) -> int | None:
    """What is answered to a message without a signature; None as long as nobody listens."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/petawatch", data=body, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - the test's own
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def settings(tmp_path: Path, port: int, secret: str) -> Path:
    config = tmp_path / "petawatch.toml"
    config.write_text(
        f"""
        [[receivers]]
        name = "shift-log"
        url = "http://127.0.0.1:{port}/petawatch"
        secrets = ["{secret}"]
        """
    )
    return config


def test_it_takes_what_is_signed_with_its_secret(
    receiver: "subprocess.Popen[str]", port: int, command: Run, tmp_path: Path
) -> None:
    assert command("webhooks", "test", "--config", settings(tmp_path, port, SECRET))[:2] == (0, "shift-log: took it\n")
    assert receiver.stdout is not None
    assert receiver.stdout.readline().split() == ["webhook.test"]


@pytest.mark.usefixtures("receiver")
def test_it_takes_nothing_that_another_secret_signed(port: int, command: Run, tmp_path: Path) -> None:
    code, out, _ = command("webhooks", "test", "--config", settings(tmp_path, port, new_secret()))
    assert code == 1
    assert "answered 401" in out
