"""What is wrong with an installation: configuration, folders, rights, receivers, model, archive."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from connectors.model_files import default_model, installed_model, shadow_model
from models.errors import PetawatchError
from streams.archive.checking.archive_check import check_archive
from streams.installation_finding import Finding, place_finding
from streams.settings import Settings, load_settings

_CONNECT_TIMEOUT_S = 3.0


def check_installation(config: Path | None, folders: list[Path], state: Path | None) -> Iterator[Finding]:
    """Look at everything that a watch and its archive need; no alert is sent, and what runs is not disturbed.

    Nothing is changed but in the archive: its store takes a small object, its catalog a note, both removed again.
    """
    try:
        settings = load_settings(config)
    except PetawatchError as error:
        yield Finding("configuration", False, str(error))
        return
    yield Finding("configuration", True, str(config) if config else "defaults and environment")
    for folder in folders:
        yield _folder(folder)
    if state is not None:
        yield place_finding(f"state {state}", state)
    yield _model(state)
    yield from _shadow(state)
    yield from _receivers(settings)
    yield from check_archive(settings, state, folders)


def _folder(folder: Path) -> Finding:
    what = f"folder {folder}"
    if not folder.is_dir():
        return Finding(what, False, "is no folder; mount it, or name the folder into which the recorders write")
    if not os.access(folder, os.R_OK | os.X_OK, effective_ids=True):
        return Finding(what, False, "may not be read by this user; give it the right to list and read")
    snapshots = sum(1 for _ in folder.rglob("*.h5"))
    return Finding(what, True, f"readable, {snapshots} snapshots below it")


def _model(state: Path | None) -> Finding:
    try:
        bundle = default_model() if state is None or not state.is_dir() else installed_model(state)
        bundle.autoencoder()
    except PetawatchError as error:
        return Finding("model", False, str(error))
    return Finding("model", True, bundle.name)


def _shadow(state: Path | None) -> Iterator[Finding]:
    """Only where a model scores beside the one in use."""
    try:
        bundle = None if state is None or not state.is_dir() else shadow_model(state)
    except PetawatchError as error:
        yield Finding("shadow", False, str(error))
        return
    if bundle is not None:
        yield Finding("shadow", True, bundle.name)


def _receivers(settings: Settings) -> Iterator[Finding]:
    """Whether somebody listens at each webhook's address."""
    for url in settings.webhook_urls:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        what = f"webhook {parts.scheme}://{parts.hostname}:{port}"
        try:
            with socket.create_connection((parts.hostname or "", port), _CONNECT_TIMEOUT_S):
                yield Finding(what, True, "accepts connections")
        except OSError as error:
            yield Finding(what, False, f"does not answer ({error.strerror or error}); alerts would wait for it")
