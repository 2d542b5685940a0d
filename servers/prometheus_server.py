"""A real Prometheus on loopback, and promtool: installed, or fetched from Debian's package."""

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from servers.debian_programs import DebianPackage, fetched, programs_answer
from servers.failures import ServerFailedError
from servers.server_process import ServerProcess, accepts

_PACKAGE = DebianPackage(name="prometheus", files=("usr/bin/prometheus", "usr/bin/promtool"), check=programs_answer)
_TIMEOUT_S = 60.0


@cache
def prometheus_program(name: str = "prometheus") -> Path:
    """``prometheus`` or ``promtool``.

    Raises
    ------
    ServerMissingError, ServerFailedError
        It is not installed, and can't be fetched.
    """
    installed = shutil.which(name)
    return Path(installed) if installed else fetched(_PACKAGE) / name


def promtool(*arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool; ``given`` is its standard input."""
    command = [str(prometheus_program("promtool")), *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)


class PrometheusServer(ServerProcess):
    """A Prometheus with its data in a folder; entered, it runs.

    Parameters
    ----------
    folder
        Of the configuration, the data and the log; made if absent.
    jobs
        What it scrapes: ``HOST:PORT`` of ``/metrics``, by the name of the job.
    rules
        Files of rules.
    alertmanagers
        ``HOST:PORT`` of those that are told of alerts.
    interval_s
        How often it scrapes and evaluates.
    port
        Of the clients; a free one when 0.
    """

    name = "Prometheus"

    def __init__(
        self,
        folder: Path,
        *,
        jobs: Mapping[str, Sequence[str]],
        rules: Sequence[Path] = (),
        alertmanagers: Sequence[str] = (),
        interval_s: int = 1,
        port: int = 0,
    ) -> None:
        super().__init__(folder, port=port)
        # JSON is YAML.
        self._configuration = json.dumps(
            {
                "global": {"scrape_interval": f"{interval_s}s", "evaluation_interval": f"{interval_s}s"},
                "rule_files": [str(path.resolve()) for path in rules],
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
                "scrape_configs": [
                    {"job_name": job, "static_configs": [{"targets": list(targets)}]} for job, targets in jobs.items()
                ],
            }
        )

    @property
    def address(self) -> str:
        """Of its pages and its API."""
        return f"http://127.0.0.1:{self.port}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query, now: a vector's ``metric`` and ``value``.

        Raises
        ------
        ServerFailedError
            It does not understand the expression.
        """
        return self.ask("query", query=expression)["result"]  # type: ignore[no-any-return]

    def ask(self, path: str, **parameters: str) -> Any:
        """The ``data`` that its API gives, for example at ``query_range``, ``series``, ``rules``."""
        url = f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")
            raise ServerFailedError(f"Prometheus answered {error.code} to {path} {parameters}: {said}") from error

    def _prepare(self) -> Sequence[str]:
        program = prometheus_program()
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "prometheus.yml"
        configuration.write_text(self._configuration)
        data = ["--config.file", str(configuration), "--storage.tsdb.path", str(self.folder / "data")]
        # What fires before the Alertmanagers are known is told once more after this delay; a minute without it.
        return [
            str(program), *data, f"--web.listen-address=127.0.0.1:{self.port}", "--rules.alert.resend-delay=1s"
        ]  # fmt: skip

    def _serves(self, said: bytes) -> bool:  # noqa: ARG002 - it answers before it has loaded its rules
        return accepts(self.port) and is_ready(f"{self.address}/-/ready")


def is_ready(url: str) -> bool:
    """Whether an address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own
            return True
    except (urllib.error.URLError, OSError):
        return False
