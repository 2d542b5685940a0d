"""Whether everything that was sent has gone through all agents into the results."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from connectors.kafka.reader import TopicReader
from connectors.state.commit import FileStatus
from connectors.state.reader import StateReader
from connectors.wire.progress import Progress
from models.state import State, decode_state
from streams.agents.recorder import RECORDER_KEY
from streams.agents.recorder_positions import RecorderPositions
from streams.facility.progress_thread import progress_of
from streams.settings import Settings
from streams.topology import DEVICE_AGENTS, AgentName, TopicName, inputs_of

# In the order in which the work goes: what the first ones have done can't become more while the next are looked at.
_STEPS = (DEVICE_AGENTS, (AgentName.JOIN,))
_PROGRESS = TopicName.PROGRESS.value


class Completion:
    """Looks at the ends of the topics and at how far everybody has come; of use once all is sent.

    A partition's progress is written when its outputs are acknowledged and its checkpoint is durable.

    Parameters
    ----------
    results
        The recorder's state directory.
    """

    def __init__(self, settings: Settings, results: Path) -> None:
        self._results = results
        self._settings = settings
        self._opened = ExitStack()
        self._reader: TopicReader | None = None
        self._progress: dict[str, Progress] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened.close()

    def is_reached(self) -> bool:
        """Whether nothing is left to be done.

        Raises
        ------
        RetryableError, FatalError
            As ``TopicReader``.
        """
        # Here, where whoever asks tries again: Kafka may be away just now.
        reader = self._reader = self._reader or self._open()
        return all(self._have_done_all(reader, agents) for agents in _STEPS) and self._all_is_recorded(reader)

    def _open(self) -> TopicReader:
        with ExitStack() as stack:
            reader = stack.enter_context(TopicReader(self._settings.kafka, self._settings.topics.installation))
            reader.follow([_PROGRESS], from_beginning=True)
            self._opened = stack.pop_all()
        return reader

    def _have_done_all(self, reader: TopicReader, agents: Iterable[AgentName]) -> bool:
        for agent in agents:
            name = inputs_of(agent)[0]
            ends = reader.end_offsets([name.value])
            self._hear(reader)
            if any(end > self._next_offset(agent, number) for (_, number), end in ends.items()):
                return False
        return True

    def _next_offset(self, agent: AgentName, partition: int) -> int:
        told = self._progress.get(f"{agent}/{partition}")
        return 0 if told is None else told.next_offset or 0

    def _all_is_recorded(self, reader: TopicReader) -> bool:
        ends = reader.end_offsets([name.value for name in inputs_of(AgentName.RECORDER)])
        positions = RecorderPositions()
        with StateReader.open(self._results) as state:
            positions.restore(_recorder(state)["positions"])
        return all(end <= positions.next_offsets.get(name, 0) for (name, _), end in ends.items())

    def _hear(self, reader: TopicReader) -> None:
        while messages := reader.poll(0.1):
            for message in messages:
                progress = progress_of(message)
                if progress is not None:
                    self._progress[(message.key or b"").decode(errors="replace")] = progress


def count_finished(results: Path) -> int:
    """How many files of a recorder's directory have an outcome for each of their records."""
    with StateReader.open(results) as state:
        files = state.ledger()["files"]
        under_way = {path for path, *_ in _recorder(state)["files"]["under_way"]}
    return max(0, int(files[FileStatus.ACCEPTED]) + int(files[FileStatus.REJECTED]) - len(under_way))


def _recorder(state: StateReader) -> State:
    saved: State = decode_state(state.load_states()[RECORDER_KEY])
    return saved
