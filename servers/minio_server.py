"""A real MinIO of one disk on loopback."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from servers.certificates import Identity
from servers.minio_binary import MinioBuild
from servers.server_process import ServerProcess, accepts

_READY = b"API: http"


class MinioServer(ServerProcess):
    """An object store with its data in a folder; entered, it runs.

    Parameters
    ----------
    folder
        Of the data and the log; made if absent. Used again, it holds the same buckets.
    port
        Of the clients; a free one when 0. It stays the same over restarts.
    identity
        Its certificate and key; without one it speaks no TLS.
    build
        Gives the program.
    """

    name = "MinIO"
    #: Whoever may do anything.
    access_key, secret_key = "keeper", "keeper's secret"

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        identity: Identity | None = None,
        build: MinioBuild | None = None,
    ) -> None:
        super().__init__(folder, port=port)
        self._identity = identity
        self._build = build or MinioBuild()

    @property
    def endpoint(self) -> str:
        """For ``object_store.endpoint``."""
        return f"127.0.0.1:{self.port}"

    @property
    def _certificates(self) -> Path:
        return self.folder / "certificates"

    def _prepare(self) -> Sequence[str]:
        program = self._build.wait()
        self._certificates.mkdir(parents=True, exist_ok=True)
        if self._identity is not None:
            shutil.copy(self._identity.certificate, self._certificates / "public.crt")
            shutil.copy(self._identity.key, self._certificates / "private.key")
        # Its login stands in the environment, of which this program reads nothing: set by the command itself.
        login = [f"MINIO_ROOT_USER={self.access_key}", f"MINIO_ROOT_PASSWORD={self.secret_key}"]
        quiet = ["MINIO_BROWSER=off", "MINIO_UPDATE=off"]
        options = ["--address", self.endpoint, "--certs-dir", str(self._certificates)]
        return ["env", *login, *quiet, str(program), "server", str(self.folder / "data"), *options]

    def _serves(self, said: bytes) -> bool:
        return _READY in said and accepts(self.port)
