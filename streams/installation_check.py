"""What is wrong with an installation: configuration, folders, rights, control room, receivers, model, archive."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from connectors.alertmanager import Alertmanager
from connectors.clock import SystemClock
from connectors.http_post import receiver_name
from connectors.model_files import default_model, installed_model, shadow_model
from connectors.webhooks.settings import MessengerSettings, ReceiverSettings
from models.errors import PetawatchError
from streams.archive.checking.archive_check import check_archive
from streams.console_check import check_control_room
from streams.installation_finding import Finding, place_finding
from streams.secret_check import check_secret_files
from streams.settings import Settings, load_settings
from streams.telling.receivers import all_told, open_channel

_CONNECT_TIMEOUT_S = 3.0


def check_installation(
    config: Path | None, folders: list[Path], state: Path | None, console: str | None = None
) -> Iterator[Finding]:
    """Look at everything that a watch, its console and its archive need; no alert is sent, no program disturbed.

    Nothing is changed but in the archive: its store takes a small object, its catalog a note, both removed again.

    Parameters
    ----------
    console
        ``HOST:PORT`` at which a console is to be started.
    """
    try:
        settings = load_settings(config)
    except PetawatchError as error:
        for fault in str(error).splitlines():
            yield Finding("configuration", False, fault)
        return
    yield Finding("configuration", True, str(config) if config else "defaults and environment")
    for folder in folders:
        yield _folder(folder)
    if state is not None:
        yield place_finding(f"state {state}", state)
    yield from check_control_room(settings, state, console)
    yield _model(state)
    yield from _shadow(state)
    yield from _receivers(settings)
    yield from _alertmanager(settings)
    yield from check_secret_files(settings)
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
    """Whether somebody listens at each receiver's address, and whether the secrets of all can be read."""
    for one in all_told(settings):
        name = f"{'messenger' if isinstance(one, MessengerSettings) else 'webhook'} {one.name}"
        try:
            open_channel(one, settings, SystemClock())
        except PetawatchError as error:
            yield Finding(name, False, str(error))
        else:
            yield _answers(one, name)


def _alertmanager(settings: Settings) -> Iterator[Finding]:
    """Only where one is told: whether it takes an empty list, which tells it nothing."""
    if not settings.alertmanager.url:
        return
    name = f"alertmanager {receiver_name(settings.alertmanager.url)}"
    try:
        Alertmanager(settings.alertmanager).tell([])
    except PetawatchError as error:
        yield Finding(name, False, str(error))
    else:
        yield Finding(name, True, "takes what it is told")


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _answers(one: ReceiverSettings | MessengerSettings, name: str) -> Finding:
    if isinstance(one, MessengerSettings):
        return Finding(name, True, f"its address is understood; petawatch webhooks test {one.name} sends a message")
    parts = urlsplit(one.url.get_secret_value())
    where = f"{parts.scheme}://{parts.hostname}:{_port(parts)}"
    try:
        with socket.create_connection((parts.hostname or "", _port(parts)), _CONNECT_TIMEOUT_S):
            return Finding(name, True, f"{where} accepts connections")
    except OSError as error:
        reason = error.strerror or error
        return Finding(name, False, f"{where} does not answer ({reason}); alerts would wait for it")
