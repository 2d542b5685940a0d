"""A model that was made the one in use in the directory of a facility's recorder: all workers are told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.clock import Clock
from connectors.kafka.producer import BlockProducer
from connectors.kafka.reader import TopicReader
from connectors.model_files import installed_model
from models.errors import FatalError, PetawatchError
from streams.facility.announcements import announce_model
from streams.settings import Settings


@contextmanager
def workers_to_tell(state_dir: Path, settings: Settings, clock: Clock) -> Iterator[Callable[[], str]]:
    """Connect to a facility's Kafka; gives what tells the workers which model is in use there, and returns a sentence.

    Raises
    ------
    RetryableError, FatalError
        Kafka can't be reached, before anything was changed. While the workers are told: ``not_announced``.
    """
    with (
        TopicReader(settings.kafka, settings.topics.installation) as reader,
        BlockProducer(settings.kafka, settings.topics.installation) as producer,
    ):
        producer.open()

        def tell() -> str:
            bundle = installed_model(state_dir)
            try:
                announce_model(reader, producer, bundle, settings.topics.image_partitions, clock.now_ns())
            except PetawatchError as error:
                raise FatalError(
                    f"model {bundle.name} is in use in {state_dir}, but not all workers were told: {error}; then "
                    f"promote it again, by its version or as {bundle.name}",
                    reason="not_announced",
                ) from error
            return f"the workers of {settings.topics.installation} at {settings.kafka.bootstrap_servers} are told"

        yield tell
