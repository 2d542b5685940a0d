"""Which model scores beside the one in use at a partition's cameras: one after another, in line with their records."""

from collections.abc import Mapping
from typing import Protocol

from models.device_stage import StageFactory
from models.state import decode_state, encode_state

#: The key of the shadow in a checkpoint; a partition that has come to no word of one has no such key.
SHADOW_KEY = "shadow"


class ShadowStages(Protocol):
    """Makes stages with models that were made the shadow; used from the agent's one thread."""

    def shadow_stages_of(self, model: str) -> StageFactory | None:
        """Makes stages that score all they are given with this model; None when it can't be used, which was told.

        Raises
        ------
        FatalError
            It can't be found out whether it can be used.
        """
        ...


class ShadowInLine:
    """The shadow of one partition, as of the last word in its topic.

    A model that can't be used changes nothing: the shadow before goes on.

    Parameters
    ----------
    promoted
        None where no model is promoted: among meters and spectrometers.

    Attributes
    ----------
    name
        The model's; empty as long as there is no shadow.
    make_stage
        Makes stages with it.
    """

    def __init__(self, promoted: ShadowStages | None) -> None:
        self._promoted = promoted
        self._changed = False
        self.name = ""
        self.make_stage: StageFactory | None = None

    def begin(self, states: Mapping[str, bytes]) -> None:
        """Go on with the shadow of a checkpoint; one that can't be had any more has ended."""
        name = str(decode_state(states[SHADOW_KEY])["name"]) if SHADOW_KEY in states else ""
        self.make_stage = self._stages_of(name)
        self.name = name if self.make_stage else ""
        self._changed = self.name != name

    def change(self, model: str) -> bool:
        """Let another model be the shadow, or none with an empty name; whether that changes anything."""
        if model == self.name:
            return False
        make_stage = self._stages_of(model)
        if model and make_stage is None:
            return False
        self.name, self.make_stage, self._changed = model, make_stage, True
        return True

    def take_changed(self) -> dict[str, bytes]:
        """What the next checkpoint has to say of it, if anything."""
        changed, self._changed = self._changed, False
        return {SHADOW_KEY: encode_state({"name": self.name})} if changed else {}

    def _stages_of(self, model: str) -> StageFactory | None:
        return self._promoted.shadow_stages_of(model) if model and self._promoted is not None else None
