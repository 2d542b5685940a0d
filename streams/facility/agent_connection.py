"""The way to a facility's agents; apart from what tells them, so that who has none of them need not import Kafka."""

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.kafka.admin import open_admin
from connectors.kafka.failures import topic_missing
from connectors.kafka.producer import BlockProducer
from streams.facility.announcements import AnnouncementSender
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
    with open_admin(settings.kafka) as admin:
        # No matter how many partitions the settings say (``require_topics``): a baseline finds its own by its key.
        missing = {topics.full_name(name) for name in RECORD_TOPICS.values()}.difference(
            admin.names(f"{topics.installation}.")
        )
    if missing:
        raise topic_missing(settings.kafka, min(missing))
    with BlockProducer(settings.kafka, topics.installation, patience_s=_PATIENCE_S) as producer:
        producer.open()
        yield producer
