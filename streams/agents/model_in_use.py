"""Which model a partition's cameras are scored by: one promotion after another, in line with their records."""

from collections.abc import Mapping
from typing import Protocol

from models.device_stage import StageFactory
from models.messages import ModelPromotion
from models.state import decode_state, encode_state
from streams.device_stages import DeviceStages

#: The key of the promoted model in a checkpoint; a partition that has come to no promotion has no such key.
MODEL_KEY = "model"


class PromotedStages(Protocol):
    """Makes stages with models that were promoted; used from the agent's one thread."""

    def stages_of(self, model: str) -> StageFactory | None:
        """Makes stages with this model, once it is loaded and tested; None when it can't be used, which was told.

        Raises
        ------
        FatalError
            It can't be found out whether it can be used.
        """
        ...

    def latest(self) -> str:
        """The model that was promoted last; empty when none was.

        Raises
        ------
        FatalError
            It can't be found out.
        """
        ...


class ModelInUse:
    """The model of one partition, as of the last promotion in its topic.

    A model that can't be used changes nothing: the one before goes on. It is tried again by whoever begins with the
    partition next, and with the next promotion.

    Parameters
    ----------
    make_stage, model
        The model that a partition begins with, and its name; empty where nothing is scored by one.
    promoted
        None where no model is promoted: among meters and spectrometers.

    Attributes
    ----------
    name
        The model's.
    """

    def __init__(self, make_stage: StageFactory, model: str, promoted: PromotedStages | None) -> None:
        self._make_first = make_stage
        self._first = model
        self._promoted = promoted
        self._earlier: dict[str, StageFactory | None] = {}
        self._changed = False
        self._told = model  # by the last promotion, whether it can be used here or not
        self.name = model

    @property
    def follows(self) -> bool:
        """Whether promotions are for this partition."""
        return self._promoted is not None

    def begin(self, states: Mapping[str, bytes], make_shadow: StageFactory | None = None) -> DeviceStages:
        """The stages of a partition with the model of its checkpoint, and its shadow, none of them restored yet.

        That is the one that was promoted last, also where the worker before could not use it; else the one that was in
        use; else the one that partitions begin with. What was promoted stays in the checkpoint.
        """
        if MODEL_KEY not in states:
            return DeviceStages(self._make_first, self._of_earlier, make_shadow)
        saved = decode_state(states[MODEL_KEY])
        used = str(saved["name"])
        self._told = str(saved.get("promoted", used))
        make_stage = next(filter(None, map(self._use, dict.fromkeys((self._told, used)))), None)
        self._changed = self.name != used
        return DeviceStages(make_stage or self._make_first, self._of_earlier, make_shadow)

    def promote(self, promotion: ModelPromotion) -> StageFactory | None:
        """Makes stages with the promoted model; None when it is in use already, or can't be used."""
        return self._follow(promotion.model)

    def catch_up(self) -> StageFactory | None:
        """The same for the latest promotion: a partition without a checkpoint whose first messages are gone.

        Its promotion may have been among them. If it is still to come, nothing is lost by being early.
        """
        latest = "" if self._promoted is None else self._promoted.latest()
        return self._follow(latest) if latest else None

    def take_changed(self) -> dict[str, bytes]:
        """What the next checkpoint has to say of it, if anything."""
        changed, self._changed = self._changed, False
        return {MODEL_KEY: encode_state({"name": self.name, "promoted": self._told})} if changed else {}

    def _follow(self, model: str) -> StageFactory | None:
        if model != self._told:
            self._told, self._changed = model, True
        return None if model == self.name else self._use(model)

    def _use(self, model: str) -> StageFactory | None:
        make_stage = self._stages_of(model)
        if make_stage is not None:
            self.name, self._changed = model, True
        return make_stage

    def _stages_of(self, model: str) -> StageFactory | None:
        if model == self._first:
            return self._make_first
        return None if self._promoted is None else self._promoted.stages_of(model)

    def _of_earlier(self, model: str) -> StageFactory | None:
        if model not in self._earlier:
            self._earlier[model] = self._stages_of(model)
        return self._earlier[model]
