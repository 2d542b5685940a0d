"""Places of shards as operators name them: a folder, or ``s3://BUCKET/PREFIX``."""

from pathlib import Path

from connectors.object_store.address import ObjectAddress, is_address
from connectors.object_store.settings import ObjectStoreSettings
from connectors.record_shards import ShardFolder, ShardTarget
from models.errors import FatalError

#: A folder, or a prefix in an object store.
Place = Path | ObjectAddress


def place_of(text: str) -> Place:
    """What an operator wrote.

    Raises
    ------
    FatalError
        ``object_store_address`` when it begins with s3:// and names no bucket.
    """
    return ObjectAddress.parse(text) if is_address(text) else Path(text)


def shard_target(place: Place, settings: ObjectStoreSettings) -> ShardTarget:
    """The target at a place.

    Raises
    ------
    FatalError
        When the settings of the object store can't be used.
    """
    if isinstance(place, Path):
        return ShardFolder(place)
    from connectors.object_store.shard_prefix import ShardPrefix  # noqa: PLC0415 - its client takes time to import

    return ShardPrefix(settings, place)


def written_shards(place: Place, settings: ObjectStoreSettings) -> ShardTarget:
    """The target at a place where there should be something already.

    Raises
    ------
    FatalError
        ``tfrecord_missing`` when there is no such folder; as ``shard_target``.
    """
    if isinstance(place, Path) and not place.exists():
        raise FatalError(
            f"{place} is missing; name the folder that petawatch tfrecord export wrote", reason="tfrecord_missing"
        )
    return shard_target(place, settings)
