"""The model that a watch uses, and the one that was promoted since: found, loaded and tested beside the work."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from connectors.clock import Clock
from connectors.model_files import installed_mark, installed_model, kept_model
from models.device_stage import StageFactory
from models.errors import FatalError
from models.model_bundle import ModelBundle
from streams.metrics import WatchMetrics
from streams.model_lookout import ModelLookout
from streams.settings import Settings
from streams.stage_factory import stage_factory


class PromotedModels:
    """Looks now and then which model is in use, and makes the stages with it.

    A model that can't be used is told once, as a sentence and in a metric; the watch goes on with the one before.
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
        self._lookout = ModelLookout(
            clock, mark=partial(installed_mark, state_dir), load=partial(installed_model, state_dir)
        )
        self._in_use = ""
        self._earlier: dict[str, StageFactory | None] = {}

    def first(self, models_of_states: Callable[[], Iterable[str]]) -> StageFactory:
        """Makes stages with the model in use; if it can't be used, with one that the saved states belong to.

        Raises
        ------
        FatalError
            If none of them can be used.
        """
        try:
            return self._use(installed_model(self._state_dir))
        except FatalError as error:
            for name in sorted(models_of_states()):
                make = self.earlier(name)
                if make is not None:
                    self._refuse(error, name)
                    self._in_use = name
                    self._metrics.set_model(name)
                    return make
            raise

    def earlier(self, name: str) -> StageFactory | None:
        """Makes stages with another model, as long as cameras still belong to it; None when it can't be used."""
        if name not in self._earlier:
            try:
                self._earlier[name] = stage_factory(self._settings, kept_model(self._state_dir, name))
            except FatalError as error:
                self._earlier[name] = None
                self._metrics.model_refused(error.reason)
                self._tell(f"{error}; the cameras that were scored by it learn anew")
        return self._earlier[name]

    def take_new(self) -> StageFactory | None:
        """Makes stages with the model that was promoted since the last call, once it is loaded and tested."""
        loaded = self._lookout.take_new()
        if loaded is None:
            return None
        try:
            bundle = loaded.result()
        except FatalError as error:
            self._refuse(error, self._in_use)
            return None
        if bundle.name == self._in_use:
            return None
        self._tell(f"model {bundle.name} is taken over: each camera changes to it once it has learned with it")
        return self._use(bundle)

    def close(self) -> None:
        """End the thread."""
        self._lookout.close()

    def _use(self, bundle: ModelBundle) -> StageFactory:
        self._in_use = bundle.name
        self._metrics.set_model(bundle.name)
        return stage_factory(self._settings, bundle)

    def _refuse(self, error: FatalError, stays: str) -> None:
        self._metrics.model_refused(error.reason)
        self._tell(f"{error}; the watch goes on with model {stays}")
