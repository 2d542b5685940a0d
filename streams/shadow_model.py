"""The model that scores beside the one in use: found, loaded and tested beside the work."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from connectors.clock import Clock
from connectors.model_files import shadow_mark, shadow_model
from models.device_stage import StageFactory
from models.errors import FatalError
from models.model_bundle import ModelBundle
from streams.metrics import WatchMetrics
from streams.model_lookout import ModelLookout
from streams.settings import Settings
from streams.stage_factory import shadow_stage_factory


@dataclass(frozen=True, slots=True)
class ShadowChange:
    """Another model is the shadow; None when none is any more."""

    make_stage: StageFactory | None


class ShadowModel:
    """Looks now and then which model is the shadow, and makes its stages.

    A model that can't be used is told once, as a sentence and in a metric; the shadow before it goes on.
    """

    def __init__(
        self,
        state_dir: Path,
        settings: Settings,
        *,
        clock: Clock,
        metrics: WatchMetrics,
        tell: Callable[[str], None],
    ) -> None:
        self._state_dir = state_dir
        self._settings = settings
        self._metrics = metrics
        self._tell = tell
        self._name = ""
        self._lookout = ModelLookout(clock, mark=partial(shadow_mark, state_dir), load=partial(shadow_model, state_dir))

    def first(self) -> StageFactory | None:
        """Makes stages with the shadow; None when there is none, or it can't be used."""
        try:
            bundle = shadow_model(self._state_dir)
        except FatalError as error:
            self._refuse(error)
            return None
        return None if bundle is None else self._use(bundle)

    def take_new(self) -> ShadowChange | None:
        """What has become of the shadow since the last call, once a new one is loaded and tested."""
        loaded = self._lookout.take_new()
        if loaded is None:
            return None
        try:
            bundle = loaded.result()
        except FatalError as error:
            self._refuse(error)
            return None
        if (bundle.name if bundle else "") == self._name:
            return None
        if bundle is not None:
            self._tell(
                f"model {bundle.name} is the shadow: it scores beside the one in use, and its alerts are counted"
            )
            return ShadowChange(self._use(bundle))
        self._tell(f"model {self._name} is the shadow no more")
        self._name = ""
        self._metrics.set_shadow("")
        return ShadowChange(None)

    def close(self) -> None:
        """End the thread."""
        self._lookout.close()

    def _use(self, bundle: ModelBundle) -> StageFactory:
        self._name = bundle.name
        self._metrics.set_shadow(bundle.name)
        return shadow_stage_factory(self._settings, bundle)

    def _refuse(self, error: FatalError) -> None:
        self._metrics.model_refused(error.reason)
        goes_on = f"the shadow {self._name} goes on" if self._name else "the watch goes on without a shadow"
        self._tell(f"{error}; {goes_on}")
