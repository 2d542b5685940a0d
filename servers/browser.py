"""Chromium: found where it is installed; installed from Debian where it is missing and that can be done."""

import os
import shutil
import sys
from pathlib import Path

from servers.debian_programs import apt_get
from servers.failures import ServerMissingError

_PACKAGE = "chromium"
_NAMES = ("/usr/bin/chromium", "chromium", "google-chrome")
#: It needs no display, asks nobody outside this computer for anything, and may be run by root.
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> Path | None:
    """The program, if it is installed."""
    return next((Path(found) for found in map(shutil.which, _NAMES) if found), None)


def browser_program() -> Path:
    """The program, installed if need be.

    Raises
    ------
    ServerMissingError
        It is not installed, and can't be.
    ServerFailedError
        Its installation took too long.
    """
    if found := find_browser():
        return found
    if shutil.which("apt-get") is None or os.geteuid():
        raise ServerMissingError(f"Chromium is missing: install it, for example: apt-get install {_PACKAGE}")
    sys.stderr.write(f"Chromium is missing: installs Debian's package {_PACKAGE}\n")
    apt_get(["install", "--yes", "--no-install-recommends", _PACKAGE], _PACKAGE, Path("/"))
    if found := find_browser():
        return found
    raise ServerMissingError(f"Chromium is missing though {_PACKAGE} was installed: look at its package")
