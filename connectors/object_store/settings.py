"""How the object store is reached."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStoreSettings:
    """How the object store is reached, by whatever reads or writes ``s3://BUCKET/...``.

    Attributes
    ----------
    endpoint
        ``HOST`` or ``HOST:PORT``.
    access_key
        Whose buckets; empty for those that everybody may read.
    secret_key, secret_key_file
        The secret of the access key, or a file whose first line it is. The environment gives it as
        ``PETAWATCH_OBJECT_STORE__SECRET_KEY``. It is never written to a log.
    region
        The store's; MinIO's is us-east-1 unless it was told another.
    secure
        Whether it speaks TLS.
    ca_file
        Certificates of the authorities that are trusted (PEM); the system's when there is none.
    timeout_s
        A store that is silent for so long is asked again.
    retries
        How often it is asked again before an operation is given up; the pauses double, from one second on.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    endpoint: str = "127.0.0.1:9000"
    access_key: str = ""
    secret_key: SecretStr = field(default_factory=lambda: SecretStr(""))
    secret_key_file: Path | None = None
    region: str = "us-east-1"
    secure: bool = True
    ca_file: Path | None = None
    timeout_s: float = 30.0
    retries: int = 4

    def __post_init__(self) -> None:
        if not self.endpoint or "/" in self.endpoint:
            raise ValueError("endpoint must be HOST or HOST:PORT; secure says whether it speaks TLS")
        if not self.region:
            raise ValueError("region must not be empty")
        if self.timeout_s <= 0 or not 0 <= self.retries <= 10:
            raise ValueError("timeout_s must be above 0, and retries lie between 0 and 10")
