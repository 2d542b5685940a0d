"""Files, copies, bundles and findings as the catalog keeps them."""

import hashlib
from typing import Any

from models.archive.archived_file import ArchivedFile
from models.archive.copies import Bundle, BundleCopy, BundleMember, CopyState, StoreCopy
from models.archive.findings import Episode
from models.event_time import MINUTE_NS, parse_iso

DAY = "2022-07-01"
START_NS = parse_iso(f"{DAY}T09:00:00Z")
CAMERA, METER = "LA_A3_31-Camera_1-Camera-1", "LA_A3_31-EM_1-EnergyMeter-1"


def archived(number: int, content: str = "", **options: Any) -> ArchivedFile:
    """The snapshot of the nth minute from nine o'clock on; another ``content`` is another version of it."""
    name = f"LA_Recorder_60s_snapshot_{DAY}_09-{number:02d}-00.h5"
    first_ns = START_NS + number * MINUTE_NS
    return ArchivedFile(
        **{
            "key": f"10Hz/{DAY}/{name}",
            "path": f"10Hz/{name}",
            "root": "/data",
            "sha256": hashlib.sha256(f"{number} {content}".encode()).hexdigest(),
            "size_bytes": 1000 + number,
            "mtime_ns": first_ns + MINUTE_NS,
            "interval": "10Hz",
            "date": DAY,
            "front_end": "LA",
            "recorder": "Recorder",
            "first_ns": first_ns,
            "last_ns": first_ns + MINUTE_NS - 1,
            "devices": (CAMERA, METER),
            "stages": ("LA-A3-31",),
            "states": ("ON",),
            "records": 1200,
            **options,
        }
    )


def store_copy(file: ArchivedFile, store: str = "s3://archive", **options: Any) -> StoreCopy:
    return StoreCopy(file_id=file.id, store=store, version="v1", **options)


def bundle_of(*files: ArchivedFile) -> Bundle:
    members = tuple(
        BundleMember(
            file_id=file.id,
            name=file.key,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns,
            offset=512 + 10_000 * place,
        )
        for place, file in enumerate(files)
    )
    digest = hashlib.sha256("".join(file.id for file in files).encode()).hexdigest()
    return Bundle(id=digest[:32], sha256=digest, size_bytes=512 + 10_000 * len(files), members=members)


def bundle_copy(bundle: str, volume: str = "V1", **options: Any) -> BundleCopy:
    settings = {"path": f"{bundle}.tar", "state": CopyState.WRITTEN, "mount_id": "m1", "written_ns": 5}
    return BundleCopy(bundle_id=bundle, volume=volume, **{**settings, **options})


def episode(id_: str, first_minute: float, last_minute: float, **options: Any) -> Episode:
    settings = {"kind": "image_anomaly", "severity": "high", "status": "closed", "stage": "LA-A3-31", "device": CAMERA}
    first_ns, last_ns = (START_NS + int(minute * MINUTE_NS) for minute in (first_minute, last_minute))
    return Episode(id=id_, first_ns=first_ns, last_ns=last_ns, **{**settings, **options})
