"""Where the catalog is."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSettings:
    """The catalog's place and how it is reached.

    Attributes
    ----------
    address
        A SQLite file, or ``mongodb://HOST:PORT`` (also ``mongodb+srv://``) without a login; empty takes
        ``catalog.sqlite`` in the archive's folder.
    database
        In MongoDB.
    user, password, password_file
        In MongoDB; the environment gives the password as ``PETAWATCH_CATALOG__PASSWORD``.
    ca_file
        Certificates of the authorities that are trusted (PEM).
    timeout_s
        A server that is silent for so long is away.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    address: str = ""
    database: str = "petawatch"
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    password_file: Path | None = None
    ca_file: Path | None = None
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if "@" in self.address:
            raise ValueError("address must hold no login; give user and password on their own")
        if not self.database or self.timeout_s <= 0:
            raise ValueError("database must not be empty, and timeout_s above 0")
