"""Everything that a catalog is asked for, once: for what is looked at beside the answers."""

from connectors.catalog.catalog import Catalog
from models.archive.file_query import FileQuery
from models.archive.findings import TripletBucket, Verdict
from models.archive.volumes import Volume
from tests.support.catalog_examples import START_NS, archived, bundle_copy, bundle_of, episode, store_copy

QUERIES = (
    FileQuery(),
    FileQuery(from_ns=START_NS + 1, to_ns=START_NS + 10),
    FileQuery(to_ns=START_NS + 10, latest_only=True),
    FileQuery(device="LA_*"),
    FileQuery(stage="LA-*", state="ON"),
    FileQuery(state="ON"),
    FileQuery(from_ns=START_NS, device="LA_*", stage="LA-*", state="ON", valid=True, latest_only=True),
    FileQuery(valid=False),
    FileQuery(anomalous=True),
    FileQuery(anomalous=False, valid=True),
)


def fill(catalog: Catalog) -> None:
    """Something of everything."""
    files = [archived(number) for number in range(20)]
    catalog.add_files(files)
    catalog.add_files(files[:2])
    catalog.add_store_copies(store_copy(file) for file in files)
    bundle = bundle_of(*files[:10])
    catalog.add_bundle(bundle)
    catalog.put_bundle_copy(bundle_copy(bundle.id))
    catalog.put_volume(Volume(uuid="V1"))
    catalog.add_triplet_buckets(
        TripletBucket(stage=stage, minute_ns=START_NS, complete=1, incomplete=0, idle=0, anomalous=0)
        for stage in ("LA-A1-11", "LA-A3-31")
    )
    catalog.add_episodes([episode("a", 1, 2), episode("b", 7, 8, file_id=files[3].id)])
    catalog.add_verdicts([Verdict(id="v", alert_id="a", verdict="true", by="op", at_ns=1)])


def ask_everything(catalog: Catalog) -> None:
    """Every query of the protocol, and every removal."""
    file, bundle = archived(0), bundle_of(*(archived(number) for number in range(10)))
    for query in QUERIES:
        list(catalog.find_files(query))
    catalog.file(file.id)
    catalog.known_files([file.id, "no@1"])
    catalog.store_copies([file.id])
    catalog.bundle(bundle.id)
    catalog.bundle_ids()
    catalog.bundles_of([file.id])
    catalog.unbundled_files(5)
    catalog.bundle_copies()
    catalog.bundle_copies([bundle.id], volume="V1")
    catalog.bundle_copies(volume="V1")
    catalog.volumes()
    catalog.triplet_buckets(START_NS, None, "LA-*")
    catalog.episodes(START_NS, START_NS + 1)
    catalog.episodes(None, None)
    catalog.verdicts()
    catalog.verdicts("a")
    catalog.take_lease("bundling", "A", 60)
    catalog.end_lease("bundling", "A")
    catalog.remove_store_copy(store_copy(file).id)
    catalog.remove_bundle_copy(bundle_copy(bundle.id).id)
    catalog.remove_bundle(bundle.id)
