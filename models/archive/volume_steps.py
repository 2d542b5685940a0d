"""The steps in a cartridge's life."""

from dataclasses import replace

from models.archive.volumes import Volume, VolumeState


def suspected(volume: Volume) -> Volume:
    """A write or a reading failed: nothing on it counts until all its copies were read back anew."""
    state = volume.state if volume.state is VolumeState.RETIRED else VolumeState.SUSPECT
    return replace(volume, state=state, errors=volume.errors + 1, last_verified_ns=None)


def verified(volume: Volume, now_ns: int) -> Volume:
    """All its copies were read back, and are what was built."""
    return replace(volume, last_verified_ns=now_ns)


def filled(volume: Volume) -> Volume:
    """It takes no more; one that is suspect or retired stays so."""
    if volume.state in {VolumeState.SUSPECT, VolumeState.RETIRED}:
        return volume
    return replace(volume, state=VolumeState.FULL)


def cleared(volume: Volume) -> Volume:
    """A suspect one is trusted again; the caller has seen that it was verified."""
    return replace(volume, state=VolumeState.FILLING)


def retired(volume: Volume) -> Volume:
    """Taken out of use for good."""
    return replace(volume, state=VolumeState.RETIRED)
