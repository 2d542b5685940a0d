"""What reaches a running watch from outside, beside its files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.baseline import AcceptedBaseline
from models.device_stage import StageFactory
from streams.shadow_model import ShadowChange


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchNews:
    """What has come since the last call; asked for between units and in every round of the loop.

    Attributes
    ----------
    baselines
        What operators have accepted; at first all, of which those that were taken before change nothing.
    baseline_taken
        Called with each that has been taken for the first time.
    model
        Makes stages with another model that has come into use, or None.
    shadow
        What has become of the model that scores beside it, or None.
    """

    baselines: Callable[[], Sequence[AcceptedBaseline]]
    baseline_taken: Callable[[AcceptedBaseline], None]
    model: Callable[[], StageFactory | None]
    shadow: Callable[[], ShadowChange | None]
