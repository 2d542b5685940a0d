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

    A model that can't be used changes nothing: the one before goes on, and the next promotion is tried.

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
        self.name = model

    @property
    def follows(self) -> bool:
        """Whether promotions are for this partition."""
        return self._promoted is not None

    def begin(self, states: Mapping[str, bytes], make_shadow: StageFactory | None = None) -> DeviceStages:
        """The stages of a partition with the model of its checkpoint, and its shadow, none of them restored yet.

        A promoted model that can't be had any more gives way to the one that partitions begin with.
        """
        if MODEL_KEY not in states:
            return DeviceStages(self._make_first, self._of_earlier, make_shadow)
        make_stage = self._use(str(decode_state(states[MODEL_KEY])["name"]))
        self._changed = make_stage is None
        return DeviceStages(make_stage or self._make_first, self._of_earlier, make_shadow)

    def promote(self, promotion: ModelPromotion) -> StageFactory | None:
        """Makes stages with the promoted model; None when it is in use already, or can't be used."""
        return None if promotion.model == self.name else self._use(promotion.model)

    def catch_up(self) -> StageFactory | None:
        """The same for the latest promotion: a partition without a checkpoint whose first messages are gone.

        Its promotion may have been among them. If it is still to come, nothing is lost by being early.
        """
        latest = "" if self._promoted is None else self._promoted.latest()
        return self._use(latest) if latest not in {"", self.name} else None

    def take_changed(self) -> dict[str, bytes]:
        """What the next checkpoint has to say of it, if anything."""
        changed, self._changed = self._changed, False
        return {MODEL_KEY: encode_state({"name": self.name})} if changed else {}

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
