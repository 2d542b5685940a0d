"""What is safe to delete: every proof that is taken away makes a file unsafe again."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy, CopyState, KnownCopies, StoreCopy
from models.archive.safety import SafetyRule, WhyNot, obstacles
from models.archive.volumes import Volume, VolumeState

STORE = "file:///archive"
FILE = ArchivedFile(
    key="10Hz/2022-07-01/a.h5", path="10Hz/a.h5", root="/data", sha256="ab" * 32, size_bytes=7, mtime_ns=1
)

Taking = Callable[[KnownCopies, int], KnownCopies]


def proven(volumes: int, states: list[VolumeState], *, checked: bool = True) -> KnownCopies:
    """A file with all that makes it safe, on so many cartridges."""
    uuids = [f"volume-{number}" for number in range(volumes)]
    return KnownCopies(
        file_id=FILE.id,
        cataloged=True,
        store_copies=[
            StoreCopy(
                file_id=FILE.id,
                store=STORE,
                version="1",
                checked_ns=5 if checked else None,
                read_back_ns=None if checked else 6,
            )
        ],
        bundles=["bundle"],
        bundle_copies=[
            BundleCopy(
                bundle_id="bundle",
                volume=uuid,
                path="bundle.tar",
                state=CopyState.SAFE,
                mount_id="before",
                written_ns=7,
                read_back_ns=8,
            )
            for uuid in uuids
        ],
        volumes={
            uuid: Volume(uuid=uuid, state=state, last_verified_ns=9) for uuid, state in zip(uuids, states, strict=False)
        },
    )


def without_copy(known: KnownCopies, which: int) -> KnownCopies:
    copies = list(known.bundle_copies)
    del copies[which]
    return replace(known, bundle_copies=copies)


def changed_copy(known: KnownCopies, which: int, **changes: object) -> KnownCopies:
    copies = list(known.bundle_copies)
    copies[which] = replace(copies[which], **changes)  # type: ignore[arg-type]
    return replace(known, bundle_copies=copies)


def changed_volume(known: KnownCopies, which: int, **changes: object) -> KnownCopies:
    uuid = list(known.bundle_copies)[which].volume
    changed = replace(known.volumes[uuid], **changes)  # type: ignore[arg-type]
    return replace(known, volumes={**known.volumes, uuid: changed})


def changed_store(known: KnownCopies, **changes: object) -> KnownCopies:
    return replace(known, store_copies=[replace(copy, **changes) for copy in known.store_copies])  # type: ignore[arg-type]


def same_cartridge_twice(known: KnownCopies, which: int) -> KnownCopies:
    other = list(known.bundle_copies)[which - 1].volume
    return changed_copy(known, which, volume=other)


TAPE_PROOFS: dict[str, Taking] = {
    "copy": without_copy,
    "read back": lambda known, which: changed_copy(known, which, state=CopyState.WRITTEN),
    "time of reading": lambda known, which: changed_copy(known, which, read_back_ns=None),
    "sound": lambda known, which: changed_copy(known, which, state=CopyState.DAMAGED, damaged="other_content"),
    "another cartridge": same_cartridge_twice,
    "of this bundle": lambda known, which: changed_copy(known, which, bundle_id="other"),
    "in use": lambda known, which: changed_volume(known, which, state=VolumeState.RETIRED),
    "trusted": lambda known, which: changed_volume(known, which, state=VolumeState.SUSPECT, last_verified_ns=None),
    "in the inventory": lambda known, which: replace(
        known,
        volumes={uuid: each for uuid, each in known.volumes.items() if uuid != list(known.bundle_copies)[which].volume},
    ),
}
OTHER_PROOFS: dict[str, tuple[Callable[[KnownCopies], KnownCopies], WhyNot]] = {
    "in the catalog": (lambda known: replace(known, cataloged=False), WhyNot.NOT_CATALOGED),
    "in the store": (lambda known: replace(known, store_copies=[]), WhyNot.NO_STORE_COPY),
    "in this store": (lambda known: changed_store(known, store="s3://other"), WhyNot.NO_STORE_COPY),
    "this content": (lambda known: changed_store(known, file_id="other"), WhyNot.NO_STORE_COPY),
    "compared": (lambda known: changed_store(known, checked_ns=None, read_back_ns=None), WhyNot.STORE_UNVERIFIED),
    "sound": (lambda known: changed_store(known, damaged="other_content"), WhyNot.STORE_DAMAGED),
    "in a bundle": (lambda known: replace(known, bundles=[]), WhyNot.UNBUNDLED),
}

usable = st.sampled_from([VolumeState.FILLING, VolumeState.FULL, VolumeState.SUSPECT])


@st.composite
def safe_files(draw: st.DrawFn) -> tuple[KnownCopies, int]:
    """A safe file with exactly as many cartridges as are wanted, and their number."""
    wanted = draw(st.integers(2, 4))
    states = draw(st.lists(usable, min_size=wanted, max_size=wanted))
    return proven(wanted, states, checked=draw(st.booleans())), wanted


@given(safe_files())
def test_with_all_proofs_it_is_safe(safe: tuple[KnownCopies, int]) -> None:
    known, wanted = safe
    assert obstacles(known, SafetyRule(store=STORE, tape_copies=wanted)) == []


@pytest.mark.parametrize("proof", TAPE_PROOFS)
@given(safe=safe_files(), data=st.data())
def test_without_one_proof_of_one_cartridge_it_is_not(
    proof: str, safe: tuple[KnownCopies, int], data: st.DataObject
) -> None:
    known, wanted = safe
    which = data.draw(st.integers(0, wanted - 1))
    found = obstacles(TAPE_PROOFS[proof](known, which), SafetyRule(store=STORE, tape_copies=wanted))
    assert [each.why for each in found] == [WhyNot.TAPE_COPIES]
    assert f"{wanted - 1} of {wanted} cartridges" in found[0].sentence


@pytest.mark.parametrize("proof", OTHER_PROOFS)
@given(safe=safe_files())
def test_without_another_proof_it_is_not(proof: str, safe: tuple[KnownCopies, int]) -> None:
    known, wanted = safe
    take, why = OTHER_PROOFS[proof]
    found = obstacles(take(known), SafetyRule(store=STORE, tape_copies=wanted))
    assert [each.why for each in found] == [why]


def test_an_installation_without_tape_wants_the_store_alone() -> None:
    known = replace(proven(0, []), bundles=[])
    assert obstacles(known, SafetyRule(store=STORE, tape_copies=0)) == []
    assert [each.why for each in obstacles(known, SafetyRule(store=STORE, tape_copies=1))] == [WhyNot.UNBUNDLED]


def test_copies_in_several_bundles_count_together() -> None:
    known = proven(2, [VolumeState.FULL, VolumeState.FULL])
    apart = changed_copy(replace(known, bundles=["bundle", "other"]), 1, bundle_id="other")
    assert obstacles(apart, SafetyRule(store=STORE, tape_copies=2)) == []


def test_without_any_wanted_copy_nothing_is_judged() -> None:
    with pytest.raises(ValueError, match="never safe"):
        SafetyRule(store="", tape_copies=0)


def test_only_tape_can_be_wanted() -> None:
    known = replace(proven(2, [VolumeState.FULL, VolumeState.FILLING]), store_copies=[])
    assert obstacles(known, SafetyRule(store="", tape_copies=2)) == []
