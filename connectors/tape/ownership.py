"""Whose cartridge it is: its folder below ``petawatch`` says so. That is part of the index, no tape is wound for it."""

import contextlib
import os
from collections.abc import Iterator
from importlib.resources import files as package_files
from pathlib import Path

from models.errors import RetryableError

#: Below a cartridge's root: a folder for the installation, with its bundles; and how to read it without Petawatch.
FOLDER = "petawatch"
README_NAME = "README-PETAWATCH.txt"


def owners_of(root: Path) -> list[str]:
    """The installations that have a folder on a cartridge, which should be one at most. Raises OSError."""
    folder = root / FOLDER
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def require_ours(root: Path, label: str, installation: str) -> None:
    """Nothing is written to what belongs to somebody else.

    Raises
    ------
    RetryableError
        ``tape_foreign``: another installation's, or one with other files.
    OSError
        It can't be read.
    """
    owners = owners_of(root)
    if owners == [installation]:
        return
    if owners:
        other = next(owner for owner in owners if owner != installation)
        raise RetryableError(
            f"the cartridge {label} in {root} belongs to the installation {other!r}; put in another one",
            reason="tape_foreign",
        )
    known = {README_NAME} | ({FOLDER} if (root / FOLDER).is_dir() else set())
    strange = sorted(path.name for path in root.iterdir() if path.name not in known and not path.name.startswith("."))
    if strange:
        raise RetryableError(
            f"the cartridge {label} in {root} holds something else already (such as {strange[0]!r}); put in "
            "an empty one",
            reason="tape_foreign",
        )


@contextlib.contextmanager
def held_folder(folder: Path) -> Iterator[Path]:
    """A path that leads into this very folder as long as the block runs, whatever is unmounted or mounted over it.

    Raises OSError.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def claim(root: Path, installation: str) -> None:
    """Make an unclaimed cartridge ours, and put the page there on how to read it. Raises OSError."""
    (root / FOLDER / installation).mkdir(parents=True, exist_ok=True)
    page = package_files("connectors.tape").joinpath(README_NAME).read_bytes()
    with contextlib.suppress(FileNotFoundError):
        if (root / README_NAME).stat().st_size == len(page):
            return
    hidden = root / f".{README_NAME}"
    # Not as on a disk: what makes it last is the sync of the whole cartridge.
    hidden.write_bytes(page)
    hidden.rename(root / README_NAME)
