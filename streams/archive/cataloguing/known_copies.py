"""What the catalog knows of files' copies, read for many files at once or for one anew."""

from collections import defaultdict
from collections.abc import Collection

from connectors.catalog.catalog import Catalog
from models.archive.copies import BundleCopy, KnownCopies


def known_copies(catalog: Catalog, file_ids: Collection[str]) -> dict[str, KnownCopies]:
    """The copies of each of these files; a few hundred at once keep it small.

    What takes trust away is read last, so that a cartridge that becomes suspect meanwhile is seen.
    """
    cataloged = catalog.known_files(file_ids)
    in_stores = catalog.store_copies(file_ids)
    bundles = catalog.bundles_of(file_ids)
    named = {bundle for holding in bundles.values() for bundle in holding}
    on_tape: defaultdict[str, list[BundleCopy]] = defaultdict(list)
    for copy in catalog.bundle_copies(sorted(named)) if named else ():
        on_tape[copy.bundle_id].append(copy)
    volumes = {volume.uuid: volume for volume in catalog.volumes()} if on_tape else {}
    return {
        id_: KnownCopies(
            file_id=id_,
            cataloged=id_ in cataloged,
            store_copies=in_stores.get(id_, []),
            bundles=bundles.get(id_, []),
            bundle_copies=[copy for bundle in bundles.get(id_, ()) for copy in on_tape[bundle]],
            volumes=volumes,
        )
        for id_ in file_ids
    }
