"""A real Alertmanager on loopback, and amtool: installed, or fetched from Debian's package."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from servers.certificates import Identity
from servers.debian_programs import DebianPackage, fetched, programs_answer
from servers.failures import ServerFailedError
from servers.kafka_libraries import CACHE
from servers.prometheus_server import is_ready
from servers.server_process import ServerProcess, accepts

# Debian gives the program a name of its own.
_OWN_NAME = {"alertmanager": "prometheus-alertmanager"}
# It wants its templates where the package would be installed, and can't be told another place.
_TEMPLATES = Path("/usr/share/prometheus/alertmanager")
_TEMPLATE_NAMES = ("default.tmpl", "email.tmpl")
_PACKAGE = DebianPackage(
    name="prometheus-alertmanager",
    files=(
        "usr/bin/prometheus-alertmanager",
        "usr/bin/amtool",
        *(f"{str(_TEMPLATES).lstrip('/')}/{name}" for name in _TEMPLATE_NAMES),
    ),
    check=programs_answer,
)
_TIMEOUT_S = 60.0


@cache
def alertmanager_program(name: str = "alertmanager") -> Path:
    """``alertmanager`` or ``amtool``.

    Raises
    ------
    ServerMissingError, ServerFailedError
        It is not installed, and can't be fetched.
    """
    debian = _OWN_NAME.get(name, name)
    installed = shutil.which(name) or shutil.which(debian)
    return Path(installed) if installed else fetched(_PACKAGE) / debian


def amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run amtool."""
    command = [str(alertmanager_program("amtool")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)


class AlertmanagerServer(ServerProcess):
    """An Alertmanager with its data in a folder; entered, it runs. It joins no cluster.

    Parameters
    ----------
    folder
        Of the data and the log; made if absent.
    configuration
        What it routes where, YAML.
    port
        Of the clients; a free one when 0.
    identity
        Its certificate and key; without one it speaks no TLS.
    users
        Who may use it, by name, with passwords as bcrypt has them; everybody without any.
    """

    name = "Alertmanager"

    def __init__(
        self,
        folder: Path,
        configuration: str,
        *,
        port: int = 0,
        identity: Identity | None = None,
        users: dict[str, str] | None = None,
    ) -> None:
        super().__init__(folder, port=port)
        self._configuration = configuration
        self._identity = identity
        self._users = users or {}

    @property
    def address(self) -> str:
        """Of its pages and its API, for ``alertmanager.url``."""
        scheme = "http" if self._identity is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    def alerts(self) -> list[dict[str, Any]]:
        """What ``amtool alert query`` shows: the alerts that fire."""
        done = amtool("alert", "query", "--alertmanager.url", self.address, "--output", "json")
        if done.returncode:
            raise ServerFailedError(f"amtool alert query failed: {done.stderr}")
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    def _prepare(self) -> Sequence[str]:
        program = alertmanager_program()
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration, web = self.folder / "alertmanager.yml", self.folder / "web.yml"
        configuration.write_text(self._configuration)
        web.write_text(json.dumps(self._web()))  # JSON is YAML
        options = ["--storage.path", str(self.folder / "data"), "--web.config.file", str(web)]
        where = [f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="]
        if program.parent == CACHE / _PACKAGE.name:
            program = _beside_its_templates(program, self.folder)
        return [str(program), "--config.file", str(configuration), *options, *where]

    def _web(self) -> dict[str, Any]:
        tls = (
            {} if self._identity is None else {"cert_file": self._identity.certificate, "key_file": self._identity.key}
        )
        tls_server = {"tls_server_config": {name: str(path) for name, path in tls.items()}} if tls else {}
        return tls_server | ({"basic_auth_users": self._users} if self._users else {})

    def _serves(self, said: bytes) -> bool:
        if self._identity is not None or self._users:  # it would have to be asked with its authority and a login
            return b"Listening on" in said and accepts(self.port)
        return accepts(self.port) and is_ready(f"{self.address}/-/ready")


def _beside_its_templates(program: Path, folder: Path) -> Path:
    """A copy of Debian's program that looks for its templates where it is started: the package is not installed.

    The place stands in the program as text. A path of the same length takes its place: ``././.`` and so on.
    """
    place = str(_TEMPLATES).encode()
    here = (b"./" * len(place))[: len(place)]
    copy = folder / program.name
    copy.unlink(missing_ok=True)  # one that runs still can't be written to
    copy.write_bytes(program.read_bytes().replace(place, here))
    copy.chmod(0o755)
    for name in _TEMPLATE_NAMES:
        shutil.copy(program.parent / name, folder)
    return copy
