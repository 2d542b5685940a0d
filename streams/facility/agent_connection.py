"""The way to a facility's agents; apart from what tells them, so that who has none of them need not import Kafka."""

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.kafka.producer import BlockProducer
from streams.facility.announcements import AnnouncementSender
from streams.facility.topic_plan import require_topics
from streams.settings import Settings
from streams.topology import RECORD_TOPICS

_PATIENCE_S = 10.0


@contextmanager
def agents_of(settings: Settings) -> Iterator[AnnouncementSender]:
    """The way to a facility's agents.

    Raises
    ------
    RetryableError, FatalError
        Kafka can't be reached, or has no topics of this installation: nothing was done.
    """
    topics = settings.topics
    # A baseline finds its partition by its key: other numbers of them are no reason to refuse it.
    require_topics(settings.kafka, topics, RECORD_TOPICS.values(), partitions_too=False)
    with BlockProducer(settings.kafka, topics.installation, patience_s=_PATIENCE_S) as producer:
        producer.open()
        yield producer
