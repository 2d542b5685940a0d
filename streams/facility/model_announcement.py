"""A model that was made the one in use, or the shadow, in the directory of a facility's recorder: workers are told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.clock import Clock
from connectors.kafka.producer import BlockProducer
from connectors.kafka.reader import TopicReader
from connectors.model_files import installed_model, shadow_model
from models.errors import FatalError, PetawatchError
from streams.facility.announcements import announce_model, announce_no_shadow, announce_shadow
from streams.facility.topic_plan import require_topics
from streams.settings import Settings
from streams.topology import TopicName


@contextmanager
def workers_to_tell(state_dir: Path, settings: Settings, clock: Clock) -> Iterator[Callable[[], str]]:
    """Connect to a facility's Kafka; gives what tells the workers which model is in use there, and returns a sentence.

    Raises
    ------
    RetryableError, FatalError
        Kafka can't be reached, or its topics are not those of the settings, before anything was changed. While the
        workers are told: ``not_announced``.
    """
    with _connected(settings) as (reader, producer):

        def tell() -> str:
            bundle = installed_model(state_dir)
            try:
                announce_model(reader, producer, bundle, settings.topics.image_partitions, clock.now_ns())
            except PetawatchError as error:
                raise _not_announced(
                    f"model {bundle.name} is in use in {state_dir}",
                    error,
                    f"promote it again, by its version or as {bundle.name}",
                ) from error
            return _told(settings)

        yield tell


@contextmanager
def workers_to_tell_of_shadow(state_dir: Path, settings: Settings, clock: Clock) -> Iterator[Callable[[], str]]:
    """The same for the shadow of a state directory, which must have one.

    Raises
    ------
    RetryableError, FatalError
        As ``workers_to_tell``.
    """
    with _connected(settings) as (reader, producer):

        def tell() -> str:
            bundle = shadow_model(state_dir)
            if bundle is None:
                raise FatalError(f"no model is the shadow in {state_dir}", reason="no_shadow")
            try:
                announce_shadow(reader, producer, bundle, settings.topics.image_partitions, clock.now_ns())
            except PetawatchError as error:
                raise _not_announced(
                    f"model {bundle.name} is the shadow in {state_dir}", error, f"promote {bundle.name} as shadow again"
                ) from error
            return _told(settings)

        yield tell


def tell_workers_of_no_shadow(settings: Settings, clock: Clock) -> str:
    """Let the workers go on without a shadow; returns a sentence.

    Raises
    ------
    RetryableError, FatalError
        Kafka can't be reached, or does not take it: then do it again.
    """
    with _connected(settings) as (_, producer):
        announce_no_shadow(producer, settings.topics.image_partitions, clock.now_ns())
    return _told(settings)


@contextmanager
def _connected(settings: Settings) -> Iterator[tuple[TopicReader, BlockProducer]]:
    # With another number of partitions some would never be told.
    require_topics(settings.kafka, settings.topics, (TopicName.IMAGES, TopicName.MODELS))
    with (
        TopicReader(settings.kafka, settings.topics.installation) as reader,
        BlockProducer(settings.kafka, settings.topics.installation) as producer,
    ):
        producer.open()
        yield reader, producer


def _not_announced(done: str, error: PetawatchError, again: str) -> FatalError:
    return FatalError(f"{done}, but not all workers were told: {error}; then {again}", reason="not_announced")


def _told(settings: Settings) -> str:
    return f"the workers of {settings.topics.installation} at {settings.kafka.bootstrap_servers} are told"
