"""Models that were promoted on Kafka, as a worker gets at them: found in their topic, loaded, tested."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Protocol, TypeVar

from connectors.clock import Clock
from connectors.model_files import default_model, load_model
from connectors.wire.codec import decode
from connectors.wire.message import Incoming
from connectors.wire.promotions import files_of_shadow
from models.device_stage import StageFactory
from models.errors import FatalError, RecordError, RetryableError
from models.messages import ModelFiles, ModelRole
from models.model_bundle import ModelBundle
from streams.metrics import WatchMetrics
from streams.settings import Settings
from streams.stage_factory import shadow_stage_factory, stage_factory
from streams.topology import TopicName

_Result = TypeVar("_Result")
_RETRY_EVERY_S = 1.0
# More than a promotion, the one before it, and those of cameras that had no beam since.
_MOST_KEPT = 8
_GOES_ON = {
    ModelRole.PRODUCTION: "cameras that were to change to it go on with theirs, those that it has scored learn anew",
    ModelRole.SHADOW: "the shadow before it goes on, if there is one",
}


class ModelsReader(Protocol):
    """Reads all that a topic holds now (``connectors.kafka.reader.TopicReader``)."""

    def read(self, topics: Iterable[str]) -> Iterator[Incoming]:
        """All messages, in the order of each partition."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


class PromotedModels:
    """Makes stages with promoted models (see ``streams.agents.device_task.PromotedModelStages``).

    It is used from the thread of the image agent: loading and testing a model, some tenths of a second, holds no event
    loop up, and what follows in the partition waits, since it is to be scored beside the new model.

    Parameters
    ----------
    first
        The model that partitions begin with; it needs no topic.
    open_reader
        Makes a reader of the topics.
    tell
        Called with sentences that an operator should read.

    Attributes
    ----------
    first
        The name of that model.
    """

    def __init__(
        self,
        settings: Settings,
        first: ModelBundle,
        *,
        open_reader: Callable[[], ModelsReader],
        clock: Clock,
        metrics: WatchMetrics,
        tell: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._bundle = first
        self._open_reader = open_reader
        self._clock = clock
        self._metrics = metrics
        self._tell = tell
        self._made: dict[tuple[str, ModelRole], StageFactory] = {}
        self.first = first.name
        self._refused: set[tuple[str, ModelRole]] = set()

    def stages_of(self, model: str) -> StageFactory | None:
        """Makes stages with this model; None when it can't be used, which is told and counted.

        Raises
        ------
        FatalError
            Kafka does not give the topic, or there is no room to unpack it: ``models_unread`` after half of
            ``worker.stuck_after_s``; or as ``TopicReader``.
        """
        return self._stages_of(model, ModelRole.PRODUCTION)

    def shadow_stages_of(self, model: str) -> StageFactory | None:
        """Makes stages with this model that score all they are given; otherwise as ``stages_of``.

        They share no buffers with those of a model in use, also of the same one.
        """
        return self._stages_of(model, ModelRole.SHADOW)

    def _stages_of(self, model: str, role: ModelRole) -> StageFactory | None:
        if (model, role) in self._made:
            return self._made[model, role]
        known = next((bundle for bundle in (self._bundle, default_model()) if bundle.name == model), None)
        message = None if known else self._patiently(lambda: self._message(model))
        bundle = known or self._patiently(lambda: self._loaded_or_why(model, message))
        if isinstance(bundle, FatalError):
            self._refuse(model, role, bundle)
            return None
        if len(self._made) >= _MOST_KEPT:
            del self._made[next(iter(self._made))]
        make_factory = shadow_stage_factory if role is ModelRole.SHADOW else stage_factory
        self._made[model, role] = make_factory(self._settings, bundle)
        return self._made[model, role]

    def latest(self) -> str:
        """The model in use whose files were written last: every promotion writes them; empty when there is none.

        Raises
        ------
        FatalError
            As ``stages_of``.
        """
        return self._patiently(self._latest)

    def _latest(self) -> str:
        with closing(self._open_reader()) as reader:
            messages = reader.read([TopicName.MODELS])
            keys = [each.key for each in messages if each.value is not None and not files_of_shadow(each)]
        return (keys[-1] or b"").decode(errors="replace") if keys else ""

    def _message(self, model: str) -> Incoming | None:
        with closing(self._open_reader()) as reader:
            of_model = [message for message in reader.read([TopicName.MODELS]) if message.key == model.encode()]
        return of_model[-1] if of_model and of_model[-1].value is not None else None

    def _loaded_or_why(self, model: str, message: Incoming | None) -> ModelBundle | FatalError:
        """The model, or why it can't be used: that is returned, since what is raised says nothing of the model."""
        try:
            return self._loaded(model, message)
        except FatalError as error:
            return error

    def _loaded(self, model: str, message: Incoming | None) -> ModelBundle:
        """A model from the message that holds its files, loaded and tested.

        Raises
        ------
        FatalError
            It is not there, damaged, of another version, or computes something else here.
        RetryableError
            ``model_files``: this computer has no room to unpack it.
        """
        if message is None:
            name = self._settings.topics.full_name(TopicName.MODELS)
            raise FatalError(f"the topic {name} does not hold it; promote it again", reason="model_missing")
        try:
            content = decode(message)
        except RecordError as error:
            raise FatalError(f"its files can't be used: {error}", reason="model_damaged") from error
        bundle = _unpacked(content.files if isinstance(content, ModelFiles) else {})
        if bundle.name != model:
            raise FatalError(f"its files are those of {bundle.name}; promote it again", reason="model_hash")
        return bundle

    def _patiently(self, ask: Callable[[], _Result]) -> _Result:
        """What is asked for, however long it takes: what was promoted must not depend on an outage."""
        # Before the watchdog ends the worker, which knows of no reason.
        give_up_s = self._clock.monotonic_s() + self._settings.worker.stuck_after_s / 2
        told = False
        while True:
            try:
                return ask()
            except RetryableError as error:
                if self._clock.monotonic_s() >= give_up_s:
                    raise FatalError(f"the promoted models can't be read: {error}", reason="models_unread") from error
                if not told:
                    told = True
                    self._tell(f"the promoted models wait: {error}")
            self._clock.sleep(_RETRY_EVERY_S)

    def _refuse(self, model: str, role: ModelRole, error: FatalError) -> None:
        if (model, role) not in self._refused:
            self._refused.add((model, role))
            self._metrics.model_refused(error.reason)
            self._tell(f"model {model} can't be used: {error}; {_GOES_ON[role]}")


def _unpacked(files: Mapping[str, bytes]) -> ModelBundle:
    try:
        with tempfile.TemporaryDirectory(prefix="petawatch-model-") as temporary:
            folder = Path(temporary)
            for name, data in files.items():
                (folder / name).write_bytes(data)
            return load_model(folder)
    except OSError as error:
        raise _no_room(error) from error
    except FatalError as error:
        # A file that the message lacks is the model's fault; one that can't be read back is this computer's.
        if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, FileNotFoundError):
            raise _no_room(error.__cause__) from error
        raise


def _no_room(error: OSError) -> RetryableError:
    return RetryableError(
        f"a model can't be unpacked into temporary files here ({error}); make room for them", reason="model_files"
    )
