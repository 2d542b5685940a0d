"""Whether secrets that lie in files of their own are for this user alone."""

import stat
from collections.abc import Iterator
from pathlib import Path

from streams.installation_finding import Finding
from streams.settings import Settings


def check_secret_files(settings: Settings) -> Iterator[Finding]:
    """A warning for each file that every user of this computer may read; others are judged where they are used."""
    for option, file in _secret_files(settings):
        if file is not None and _open_to_all(file):
            yield Finding(
                f"{option} {file}",
                True,
                f"every user of this computer may read it, and it holds a secret: chmod 600 {file}",
                warns=True,
            )


def _secret_files(settings: Settings) -> Iterator[tuple[str, Path | None]]:
    """The options that name files with secrets, and these."""
    for receiver in settings.receivers:
        yield f"secrets_file of the receiver {receiver.name}", receiver.secrets_file
    for messenger in settings.messengers:
        yield f"url_file of the messenger {messenger.name}", messenger.url_file
    yield "alertmanager.password_file", settings.alertmanager.password_file
    yield "alertmanager.token_file", settings.alertmanager.token_file
    yield "catalog.password_file", settings.catalog.password_file
    yield "console.key_file", settings.console.key_file
    yield "kafka.key_file", settings.kafka.key_file
    yield "kafka.password_file", settings.kafka.password_file
    yield "object_store.secret_key_file", settings.object_store.secret_key_file


def _open_to_all(file: Path) -> bool:
    """Whether rights of file and folders let everybody read it."""
    try:
        path = file.resolve()
        if not path.stat().st_mode & stat.S_IROTH:
            return False
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
    except OSError:
        return False  # whoever needs it says so
