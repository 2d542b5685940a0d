"""Certificates of a test's own: an authority that nobody else trusts, and keys that it vouches for."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from servers.failures import ServerFailedError
from servers.kafka_libraries import need

_DAYS = "30"
_ALTERNATIVE_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"
_CONSTRAINTS = {
    "authority": ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"],
    "server": [_ALTERNATIVE_NAMES, "extendedKeyUsage=serverAuth,clientAuth"],
    "client": ["extendedKeyUsage=clientAuth"],
    "nameless server": ["extendedKeyUsage=serverAuth"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate and its key, PEM."""

    certificate: Path
    key: Path

    @property
    def pem(self) -> str:
        """Key and certificate, as a broker's key store."""
        return self.key.read_text() + self.certificate.read_text()


class Authority:
    """Signs certificates; made anew in a folder.

    Parameters
    ----------
    folder
        Gets keys and certificates.
    name
        Of the authority.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        need("openssl", "openssl")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._identity = self._key(name)
        arguments = ["req", "-x509", "-new", "-key", str(self._identity.key), "-out", str(self.certificate)]
        _openssl([*arguments, "-days", _DAYS, "-subj", f"/CN={name}", *_extensions("authority")])

    @property
    def certificate(self) -> Path:
        """What those must have who shall trust it."""
        return self._identity.certificate

    def identity(self, name: str, use: str = "server") -> Identity:
        """A new key and its certificate; ``use`` is ``server`` (on loopback), ``client`` or ``nameless server``."""
        identity = self._key(name)
        request = self._folder / f"{name}.csr"
        arguments = ["req", "-new", "-key", str(identity.key), "-out", str(request), "-subj", f"/CN={name}"]
        _openssl([*arguments, *_extensions(use)])
        sign = ["x509", "-req", "-in", str(request), "-out", str(identity.certificate), "-days", _DAYS]
        by = ["-CA", str(self.certificate), "-CAkey", str(self._identity.key), "-CAcreateserial"]
        _openssl([*sign, *by, "-copy_extensions", "copyall"])
        return identity

    def _key(self, name: str) -> Identity:
        key = self._folder / f"{name}.key"
        _openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key)])
        return Identity(certificate=self._folder / f"{name}.crt", key=key)


def _extensions(use: str) -> list[str]:
    return [argument for extension in _CONSTRAINTS[use] for argument in ("-addext", extension)]


def _openssl(arguments: list[str]) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerFailedError(f"openssl {arguments[0]} failed: {' '.join(done.stderr.split())[-300:]}")
