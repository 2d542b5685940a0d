"""The bundles on a mounted cartridge, read in bounded time: a mount that hangs is ``tape_silent``."""

import os
from pathlib import Path
from typing import BinaryIO

from connectors.tape.bounded_wait import PROBE_S, within
from connectors.tape.bundle_file import BuiltBundle, check_bundle, copy_bundle, copy_member, read_manifest
from connectors.tape.bundle_reading import BundleReading
from connectors.tape.failures import tape_failures
from models.archive.bundle_manifest import BundleManifest
from models.archive.copies import BundleMember


class MountedBundles:
    """Reads bundles below a cartridge's root; ``path`` is always relative to it.

    Every method raises ``RetryableError`` with one of the reasons of ``connectors.tape.failures``, or ``tape_silent``.
    What is copied goes into a stream of the caller, who compares the SHA-256; after ``tape_silent`` nothing more is
    written to it.

    Parameters
    ----------
    silence_s
        So long a drive may show no progress.
    """

    def __init__(self, root: Path, silence_s: float) -> None:
        self._root = root
        self._silence_s = silence_s

    def manifest(self, path: str) -> BundleManifest:
        """The manifest of a bundle; errors as ``read_manifest``."""
        return within(self._silence_s, self._root, lambda _: read_manifest(self._root / path))

    def check(self, path: str) -> tuple[BuiltBundle, BundleReading]:
        """Read all of a bundle; as ``check_bundle``."""
        return within(self._silence_s, self._root, lambda step: check_bundle(self._root / path, step))

    def status(self, path: str) -> os.stat_result:
        """Size and time of a bundle."""
        place = self._root / path

        def ask(_: object) -> os.stat_result:
            with tape_failures(place, "asking for its size"):
                return place.stat()

        return within(PROBE_S, self._root, ask)

    def copy(self, path: str, into: BinaryIO) -> str:
        """Copy a whole bundle; the SHA-256 (hex) of what came."""
        return within(self._silence_s, self._root, lambda step: copy_bundle(self._root / path, into, step))

    def copy_member(self, path: str, member: BundleMember, into: BinaryIO) -> str:
        """Copy one content out of a bundle; errors as ``bundle_file.copy_member``."""
        return within(self._silence_s, self._root, lambda step: copy_member(self._root / path, member, into, step))
