"""An installation of its own on a cluster, for one drill: topics, a connector, workers, and what they recorded."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from connectors.kafka.admin import remove_topics
from connectors.kafka.reader import TopicReader
from connectors.state.reader import StateReader
from models.errors import FatalError
from streams.drills.comparison import differences
from streams.facility.shadow_checkpoints import read_facility_findings
from streams.processes.command_process import CommandProcess
from streams.processes.installation import InstallationProcesses
from streams.settings import Settings, load_settings
from streams.shadow_findings import read_findings
from streams.topology import TopicName

#: What lets a drill see a takeover soon.
SESSION_S = 6.0
_LOOK_EVERY_S = 0.1
_APPLY_S = 60.0
_MOST_RESTARTS = 20


class TemporaryInstallation(InstallationProcesses):
    """Petawatch's commands as processes on topics that nobody else uses; entered, it makes the topics.

    Parameters
    ----------
    folder
        Gets states, journals and logs.
    config
        The site's settings, for the cluster's address and login; None for the defaults.
    name
        Of the installation.
    options
        More settings, by their names in the environment.
    """

    def __init__(
        self, folder: Path, config: Path | None, name: str, *, options: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        own = {
            "PETAWATCH_TOPICS__INSTALLATION": name,
            "PETAWATCH_TOPICS__IMAGE_PARTITIONS": "4",
            "PETAWATCH_TOPICS__ENERGY_PARTITIONS": "2",
            "PETAWATCH_TOPICS__SPECTRUM_PARTITIONS": "2",
            "PETAWATCH_TOPICS__OTHER_PARTITIONS": "1",
            "PETAWATCH_TOPICS__JOIN_PARTITIONS": "2",
            "PETAWATCH_WORKER__SESSION_TIMEOUT_S": f"{SESSION_S:g}",
            "PETAWATCH_CHECKPOINTS__EVERY_S": "1",
            **(options or {}),
        }
        super().__init__(folder, config, own, most_restarts=_MOST_RESTARTS)

    def __enter__(self) -> Self:
        with self.start(["topics", "apply"], supervised=False) as topics:
            if topics.wait(_APPLY_S):
                raise FatalError(f"the topics of the drill could not be made: {topics.tail()}", reason="drill")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        remove_topics(self.settings.kafka, f"{self.name}.")

    @property
    def settings(self) -> Settings:
        """The site's settings, with the topics of this installation."""
        settings = load_settings(self._config)
        topics: dict[str, Any] = {
            name.removeprefix("PETAWATCH_TOPICS__").lower(): value if name.endswith("INSTALLATION") else int(value)
            for name, value in self._options.items()
            if name.startswith("PETAWATCH_TOPICS__")
        }
        return load_settings(self._config, kafka=settings.kafka, topics=topics)

    @property
    def state(self) -> Path:
        """The state directory that the recorder writes."""
        return self.folder / "state"

    def connect(self, data: Path, *, journal: str = "journal", **more: Any) -> CommandProcess:
        """Start the connector on a folder; it ends when everything there is sent."""
        return self.start(["connect", data, "--state", self.folder / journal, "--once"], log=journal, **more)

    def worker(self, number: int = 1, *, agents: str = "", **more: Any) -> CommandProcess:
        """Start a worker with a name of its own, which it keeps over restarts."""
        return self.start_worker(f"worker-{number}", agents=agents, state=self.state, **more)

    def recorded(self, *, with_pending: bool = False) -> int:
        """How many records have their outcome, or wait for it in a join; 0 before the recorder has begun."""
        try:
            with StateReader.open(self.state) as reader:
                records = reader.ledger()["records"]
        except FatalError as error:
            if error.reason != "state_missing":
                raise
            return 0
        left_out = {"read"} if with_pending else {"read", "pending"}
        return sum(number for name, number in records.items() if name not in left_out)

    def wait_until_recorded(self, records: int, within_s: float, *, with_pending: bool = False) -> None:
        """Wait until so many records have their outcome, or at least wait for it in a join."""

        def missing() -> list[str]:
            found = self.recorded(with_pending=with_pending)
            return [] if found >= records else [f"{found} of {records} records"]

        self._wait(missing, within_s)

    def wait_until_same(self, expected: Path, within_s: float) -> None:
        """Wait until the recorder's state directory says the same as another one.

        Raises
        ------
        FatalError
            With what differs, if that does not come to pass in time.
        """
        self._wait(lambda: differences(self.state, expected) if self.recorded() else ["nothing is recorded"], within_s)

    def wait_until_same_shadow(self, expected: Path, within_s: float) -> None:
        """Wait until the checkpoints say of the shadow what another state directory says.

        Raises
        ------
        FatalError
            As ``wait_until_same``, or ``no_shadow`` when none was there.
        """
        wanted = read_findings(expected)

        def missing() -> list[str]:
            found = read_facility_findings(self.state, self.settings)
            names = sorted(name for name in wanted.keys() | found.keys() if found.get(name) != wanted.get(name))
            return [f"of {name} the shadow found {found.get(name)} instead of {wanted.get(name)}" for name in names]

        self._wait(missing, within_s)

    def wait_until_dead_letters(self, number: int, within_s: float) -> None:
        """Wait until so many messages are dead letters."""
        with TopicReader(self.settings.kafka, self.name) as reader:

            def missing() -> list[str]:
                found = sum(reader.end_offsets([TopicName.DEAD_LETTERS]).values())
                return [] if found == number else [f"{found} dead letters instead of {number}"]

            self._wait(missing, within_s)

    def _wait(self, missing: Callable[[], list[str]], within_s: float) -> None:
        give_up_s = time.monotonic() + within_s
        while sentences := missing():
            if time.monotonic() > give_up_s:
                raise FatalError(f"not within {within_s:g} s: {'; '.join(sentences)}", reason="drill")
            self.supervise()
            time.sleep(_LOOK_EVERY_S)
