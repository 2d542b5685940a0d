"""Secrets that lie in a file of their own."""

from pathlib import Path

from models.errors import FatalError


def secret_of(file: Path, option: str, *, reason: str) -> str:
    """The first line of a file.

    Parameters
    ----------
    option
        That names the file, for sentences.
    reason
        Of the failure.

    Raises
    ------
    FatalError
        With one sentence when it can't be read, is no text, or its first line is empty.
    """
    lines = _lines(file, option, reason)
    if not lines or not lines[0]:
        word = option.rpartition(".")[2].removesuffix("_file").replace("_", " ")
        raise FatalError(f"{option}: the first line of {file} is empty; write the {word} there", reason=reason)
    return lines[0]


def secrets_of(file: Path, option: str, *, reason: str) -> list[str]:
    """The lines of a file that are not empty, as ``secret_of`` reads the first.

    Raises
    ------
    FatalError
        With one sentence when it can't be read or is no text.
    """
    return [line.strip() for line in _lines(file, option, reason) if line.strip()]


def _lines(file: Path, option: str, reason: str) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = (error.strerror if isinstance(error, OSError) else None) or "it is no text"
        raise FatalError(
            f"{option}: {file} can't be read ({what}); give one that this user may read", reason=reason
        ) from None  # a cause would show bytes of the file
