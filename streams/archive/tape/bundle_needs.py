"""Which bundles lack copies on cartridges."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from connectors.catalog.catalog import Catalog
from models.archive.copies import BundleCopy, CopyState
from models.archive.safety import is_trusted
from models.archive.volumes import Volume, VolumeState
from streams.archive.tape.cartridge_choice import WantingBundle
from streams.archive.tape.local_bundles import LocalBundles


def is_counted(copy: BundleCopy, volume: Volume | None) -> bool:
    """Whether a copy is safe, or only waits to be read back: no other is written in its place."""
    if volume is None or copy.state is CopyState.DAMAGED or not is_trusted(volume):
        return False
    return copy.state is CopyState.SAFE or volume.state is not VolumeState.SUSPECT


def wanting_bundles(catalog: Catalog, local: LocalBundles, copies: int) -> list[WantingBundle]:
    """The bundles on the disk that are to be written to more cartridges, the oldest first."""
    volumes = {volume.uuid: volume for volume in catalog.volumes()}
    wanting = []
    for id_ in local.ids():
        there = catalog.bundle_copies([id_])
        wanted = copies - sum(is_counted(copy, volumes.get(copy.volume)) for copy in there)
        if wanted > 0:
            held_by = {copy.volume for copy in there}
            wanting.append(WantingBundle(id=id_, size_bytes=local.size_bytes(id_), wanted=wanted, held_by=held_by))
    return wanting


def short_bundles(
    ids: Iterable[str], there: Iterable[BundleCopy], volumes: Mapping[str, Volume], copies: int, local: Collection[str]
) -> list[str]:
    """Those of the bundles that have too few copies, and are not on the disk to be written again."""
    counted: defaultdict[str, int] = defaultdict(int)
    for copy in there:
        counted[copy.bundle_id] += is_counted(copy, volumes.get(copy.volume))
    return [id_ for id_ in ids if counted[id_] < copies and id_ not in set(local)]
