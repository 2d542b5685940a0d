"""A server on loopback that speaks MongoDB's protocol: SecantusDB, over MongoDB's own storage engine."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from servers.certificates import Identity
from servers.failures import ServerMissingError
from servers.server_process import ServerProcess, accepts

_READY = b"secantus listening on"


class MongodbServer(ServerProcess):
    """A server of documents with its data in a folder; entered, it runs.

    Parameters
    ----------
    folder
        Of the data and the log; made if absent. Used again, it holds the same databases.
    port
        Of the clients; a free one when 0. It stays the same over restarts.
    identity
        Its certificate and key; without one it speaks no TLS.
    """

    name = "SecantusDB"

    def __init__(self, folder: Path, *, port: int = 0, identity: Identity | None = None) -> None:
        super().__init__(folder, port=port)
        self._identity = identity
        #: Whether only users that were made before may do anything; looked at when it starts.
        self.asks_for_login = False

    @property
    def address(self) -> str:
        """For ``catalog.address``."""
        return f"mongodb://127.0.0.1:{self.port}"

    def _prepare(self) -> Sequence[str]:
        if importlib.util.find_spec("secantus") is None:
            raise ServerMissingError("secantus missing: run make test, which installs what tests need")
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--storage-path", str(self.folder / "data")]
        login = ["--auth"] if self.asks_for_login else []
        tls = []
        if self._identity is not None:
            tls = ["--tls-cert-file", str(self._identity.certificate), "--tls-key-file", str(self._identity.key)]
        return [sys.executable, "-m", "secantus", *where, *login, *tls]

    def _serves(self, said: bytes) -> bool:
        return _READY in said and accepts(self.port)
