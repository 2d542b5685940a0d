"""What a shadow has found on Kafka: it is in the checkpoints of the images, read beside those who own them."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

from connectors.checkpoints.store import CheckpointStore
from models.state import State, decode_state
from streams.device_stages import DEVICE_KEYS, SHADOW
from streams.facility.checkpoint_store import open_checkpoint_store
from streams.settings import Settings
from streams.shadow_findings import ShadowFinding, findings_of
from streams.topology import AgentName


def read_facility_findings(state_dir: Path, settings: Settings) -> dict[str, ShadowFinding]:
    """What the shadow has found, by camera, as of each partition's latest checkpoint.

    Parameters
    ----------
    state_dir
        Of the facility's recorder: it has the verdicts.

    Raises
    ------
    FatalError, RetryableError
        ``no_shadow`` when no shadow has been at any camera, or as ``CheckpointStore.read``.
    """
    store = open_checkpoint_store(settings.checkpoints, settings.kafka, settings.topics)
    return findings_of(state_dir, asyncio.run(_shadows(store, settings.topics.image_partitions)))


async def _shadows(store: CheckpointStore, partitions: int) -> list[tuple[str, State]]:
    found: list[tuple[str, State]] = []
    try:
        for partition in range(partitions):
            checkpoint = await store.read(AgentName.IMAGE, partition)
            found += _shadows_of(checkpoint.states)
    finally:
        await store.close()
    return found


def _shadows_of(states: Mapping[str, bytes]) -> Iterator[tuple[str, State]]:
    """Of each device only what its shadow knows: all stages of a facility are much."""
    for key, encoded in states.items():
        if key.startswith(DEVICE_KEYS):
            saved = decode_state(encoded)["stage"].get(SHADOW)
            if saved is not None:
                yield key, {SHADOW: saved}
