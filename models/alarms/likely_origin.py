"""Where what several stages saw at once likely began: light goes one way, so the first in the chain is named."""

from collections.abc import Mapping

from models.devices import Stage

# The way of the light in each of the two laser arms (the reference, section 1). Diagnostics come last.
_CHAIN = ("FE", "A1", "A2", "A3")


def place_in_chain(stage: Stage) -> tuple[str, int, str, str]:
    """Sorts stages by front end, then in the order of the light; diagnostics behind the amplifiers come last."""
    return stage.front_end, _depth(stage), stage.amp, stage.arm


def likely_origin(first_shots: Mapping[Stage, int], same_shots_ns: int) -> Stage | None:
    """The stage furthest upstream among those that were hit first.

    Parameters
    ----------
    first_shots
        Event time of the first odd shot of each stage, ns since 1970.
    same_shots_ns
        Stages whose first odd shots are so close to the earliest one count as hit by the same shots.

    Returns
    -------
    Stage or None
        None when only one stage was hit, and when several arms of the same amplifier were, and nothing upstream of
        them: then it began before they part, where nothing was odd, or in each of them.
    """
    earliest_ns = min(first_shots.values(), default=0)
    hit = sorted((s for s, at_ns in first_shots.items() if at_ns - earliest_ns <= same_shots_ns), key=place_in_chain)
    if len(hit) < 2 or hit[0].front_end != hit[-1].front_end or _depth(hit[0]) == _depth(hit[1]):
        return None
    return hit[0]


def _depth(stage: Stage) -> int:
    return _CHAIN.index(stage.amp) if stage.amp in _CHAIN else len(_CHAIN)
