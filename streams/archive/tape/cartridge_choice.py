"""Which mounted cartridge gets which bundle."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from models.archive.volumes import VolumeState


@dataclass(frozen=True, slots=True, kw_only=True)
class WantingBundle:
    """A bundle that lacks copies.

    Attributes
    ----------
    wanted
        So many copies more.
    held_by
        Cartridges that have, or had, a copy: never a second one on the same.
    """

    id: str
    size_bytes: int
    wanted: int
    held_by: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCartridge:
    """A cartridge that may be written to.

    Attributes
    ----------
    free_bytes
        Without the headroom.
    """

    uuid: str
    name: str
    state: VolumeState
    free_bytes: int


def choose_cartridges(
    bundles: Sequence[WantingBundle], cartridges: Sequence[OpenCartridge]
) -> tuple[dict[str, list[str]], list[WantingBundle]]:
    """The bundles of each cartridge, in their order, and the bundles that not all wanted copies have room for.

    Those that are filling come before scratch ones, so that few cartridges are begun.
    """
    order = sorted(cartridges, key=lambda one: (one.state is VolumeState.SCRATCH, one.name, one.uuid))
    left = {one.uuid: one.free_bytes for one in order}
    chosen: dict[str, list[str]] = {}
    without: list[WantingBundle] = []
    for bundle in bundles:
        fitting = [uuid for uuid, free in left.items() if uuid not in bundle.held_by and bundle.size_bytes <= free]
        for uuid in fitting[: bundle.wanted]:
            chosen.setdefault(uuid, []).append(bundle.id)
            left[uuid] -= bundle.size_bytes
        if len(fitting) < bundle.wanted:
            without.append(bundle)
    return chosen, without
