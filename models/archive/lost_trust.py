"""What copies and cartridges have lost of their trust; a catalog that does not know of it any more is put right by it.

A catalog says when each was last proven. What loses its trust is noted with the time of its latest proof so far: an
older catalog can show no later one, and what is read back whole afterwards has one.
"""

from dataclasses import dataclass, replace

from models.archive.copies import BundleCopy, CopyState, StoreCopy
from models.archive.safety import is_trusted
from models.archive.volumes import Volume, VolumeState


@dataclass(frozen=True, slots=True, kw_only=True)
class LostTrust:
    """One loss.

    Attributes
    ----------
    subject
        What has lost it: of a copy in a store this very version.
    until_ns
        Proofs up to this time, by the clock, count for nothing; 0 when there was none.
    state
        Of a bundle's copy or a cartridge, since then.
    damaged
        A ``Damage``, where a copy was found damaged.
    mount_id
        Of a bundle's copy: to be read under another mount.
    """

    subject: str
    until_ns: int
    state: str = ""
    damaged: str = ""
    mount_id: str = ""

    def after(self, earlier: "LostTrust | None") -> "LostTrust":
        """The loss, when there was one before it: no proof comes back by that."""
        return self if earlier is None else replace(self, until_ns=max(self.until_ns, earlier.until_ns))


def store_copy_subject(copy: StoreCopy) -> str:
    """A version in a store."""
    return f"version|{copy.version}|{copy.id}"


def bundle_copy_subject(copy: BundleCopy) -> str:
    """A bundle on a cartridge."""
    return f"bundle|{copy.id}"


def volume_subject(volume: Volume) -> str:
    """A cartridge."""
    return f"cartridge|{volume.uuid}"


def store_copy_loss(before: StoreCopy | None, copy: StoreCopy) -> LostTrust | None:
    """What a copy in a store loses when it is noted like this; None when it loses nothing."""
    if not copy.damaged:
        return None
    proof_ns = 0 if before is None else max(before.checked_ns or 0, before.read_back_ns or 0)
    return LostTrust(subject=store_copy_subject(copy), until_ns=proof_ns, damaged=copy.damaged)


def bundle_copy_loss(before: BundleCopy | None, copy: BundleCopy) -> LostTrust | None:
    """What a copy on a cartridge loses when it is noted like this; None when it loses nothing."""
    was_safe = before is not None and before.state is CopyState.SAFE
    if copy.state is CopyState.SAFE or not (was_safe or copy.state is CopyState.DAMAGED):
        return None
    proof_ns = (before.read_back_ns or 0) if before is not None and was_safe else 0
    return LostTrust(
        subject=bundle_copy_subject(copy),
        until_ns=proof_ns,
        state=copy.state,
        damaged=copy.damaged,
        mount_id=copy.mount_id,
    )


def volume_loss(before: Volume | None, volume: Volume) -> LostTrust | None:
    """What a cartridge loses when it is noted like this; None when it loses nothing."""
    if is_trusted(volume):
        return None
    proof_ns = 0 if before is None else before.last_verified_ns or 0
    return LostTrust(subject=volume_subject(volume), until_ns=proof_ns, state=volume.state)


def wary_store_copy(copy: StoreCopy, loss: LostTrust | None) -> StoreCopy:
    """A copy as it is after a loss: only a later reading of all of it counts, not what the store says of itself."""
    if loss is None or copy.damaged or (copy.read_back_ns or 0) > loss.until_ns:
        return copy
    return replace(copy, damaged=loss.damaged, checked_ns=None, read_back_ns=None)


def wary_bundle_copy(copy: BundleCopy, loss: LostTrust | None) -> BundleCopy:
    """A copy as it is after a loss: one that is not safe is read back anyway before it counts."""
    if loss is None or copy.state is not CopyState.SAFE or (copy.read_back_ns or 0) > loss.until_ns:
        return copy
    state = CopyState(loss.state)
    return replace(copy, state=state, mount_id=loss.mount_id, damaged=loss.damaged, read_back_ns=None)


def wary_volume(volume: Volume, loss: LostTrust | None) -> Volume:
    """A cartridge as it is after a loss: retired for good, or suspect until all of it was read back later."""
    if loss is None or volume.state is VolumeState.RETIRED:
        return volume
    if loss.state == VolumeState.RETIRED:
        return replace(volume, state=VolumeState.RETIRED)
    if (volume.last_verified_ns or 0) > loss.until_ns:
        return volume
    return replace(volume, state=VolumeState.SUSPECT, last_verified_ns=None)
