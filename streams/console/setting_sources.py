"""Where the values of the settings come from."""

from pathlib import Path

from streams.settings import SettingOrigin, Settings, load_settings, setting_origins


class SettingSources:
    """Where the values come from, found out once for each state of the file: that takes longer than the page.

    Parameters
    ----------
    config
        The file; None without one.
    settings
        As they are used.
    """

    def __init__(self, config: Path | None, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._known: tuple[object, dict[str, SettingOrigin], bool] | None = None

    def now(self) -> tuple[dict[str, SettingOrigin], bool]:
        """The origins of what is set, and whether it is no longer what is used.

        Raises
        ------
        FatalError
            As ``setting_origins``.
        """
        stamp = _stamp(self._config)
        known = self._known
        if known is None or stamp is None or known[0] != stamp:
            origins = setting_origins(self._config)
            changed = load_settings(self._config).model_dump() != self._settings.model_dump()
            self._known = known = (stamp, origins, changed)
        return known[1], known[2]


def _stamp(config: Path | None) -> tuple[int, ...] | None:
    """Another one when the file was written or replaced; None when it can't be looked at."""
    if config is None:
        return ()
    try:
        found = config.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
