"""A real MLflow server on loopback: that of the installed small package, which needs Flask beside it."""

import importlib.util
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence

from servers.failures import ServerMissingError
from servers.server_process import ServerProcess, accepts

_PACKAGES = ("mlflow", "sqlalchemy", "alembic", "flask", "flask_cors")
_QUIET = ("MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false")
_HEALTHY = b"OK"


class MlflowServer(ServerProcess):
    """A server of runs and models with its data in a folder; entered, it runs."""

    name = "MLflow"
    start_s = 240.0  # it imports for long on a busy computer

    @property
    def address(self) -> str:
        """For ``tracking.uri``."""
        return f"http://127.0.0.1:{self.port}"

    def _prepare(self) -> Sequence[str]:
        missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
        if missing:
            raise ServerMissingError(f"{', '.join(missing)} missing: run make test, which installs what tests need")
        store = ["--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}"]
        artifacts = ["--artifacts-destination", str(self.folder / "artifacts")]
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        return ["env", *_QUIET, sys.executable, "-m", "mlflow", "server", *where, *store, *artifacts]

    def _serves(self, said: bytes) -> bool:  # noqa: ARG002 - what it says comes before it serves
        if not accepts(self.port):
            return False
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5) as answer:  # noqa: S310 - our own
                return bool(answer.read() == _HEALTHY)
        except (urllib.error.URLError, OSError):
            return False
