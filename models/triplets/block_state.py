"""Blocks of rows as part of a saved state."""

from typing import Any

from models.devices import Device, RecordKind, Stage
from models.records import SourceReference
from models.results import ROW_ARRAYS, ScoredBlock
from models.state import State
from models.triplets.decided import DecidedBlock


def encode_device(device: Device) -> list[str]:
    """A device as JSON values; its stage is known where it is read."""
    return [device.name, str(device.kind)]


def decode_device(saved: list[str], stage: Stage) -> Device:
    """The device that ``encode_device`` wrote."""
    return Device(saved[0], stage, RecordKind(saved[1]))


def encode_block(scored: ScoredBlock) -> State:
    """A block as a state."""
    arrays: dict[str, Any] = scored.arrays()
    return {
        "device": encode_device(scored.device),
        "source": [scored.source.file, scored.source.sha256],
        "interval_hz": scored.interval_hz,
        "model": scored.model,
        "replacement": scored.replacement,
        "hdf5_group": list(scored.hdf5_group),
        "arrays": arrays,
    }


def decode_block(saved: State, stage: Stage) -> ScoredBlock:
    """The block that ``encode_block`` wrote."""
    file, sha256 = saved["source"]
    arrays: dict[str, Any] = {name: saved["arrays"][name] for name in ROW_ARRAYS}
    return ScoredBlock(
        device=decode_device(saved["device"], stage),
        source=SourceReference(file=file, sha256=sha256),
        interval_hz=float(saved["interval_hz"]),
        model=saved["model"],
        replacement=bool(saved["replacement"]),
        hdf5_group=tuple(saved["hdf5_group"]),
        **arrays,
    )


def encode_decided(block: DecidedBlock) -> State:
    """A decided block as a state."""
    return {
        "scored": encode_block(block.scored),
        "outcome": block.outcome,
        "reasons": block.reasons,
        "anomalous": block.anomalous,
    }


def decode_decided(saved: State, stage: Stage) -> DecidedBlock:
    """The decided block that ``encode_decided`` wrote."""
    return DecidedBlock(
        decode_block(saved["scored"], stage), saved["outcome"], saved["reasons"], saved["anomalous"].astype(bool)
    )
