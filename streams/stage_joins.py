"""The joins of the laser stages, made when their stage is first heard of; no I/O, no clock."""

from models.devices import Device, Stage
from models.results import ScoredBlock
from models.state import State
from models.triplets.decided import DecidedBlock, decide_alone
from models.triplets.join_settings import JoinSettings
from models.triplets.stage_join import StageJoin

#: Begins the key of every laser stage's state in a checkpoint.
STAGE_KEYS = "stage/"


class StageJoins:
    """One join per laser stage; devices that join nowhere are decided alone."""

    def __init__(self, settings: JoinSettings) -> None:
        self._settings = settings
        self._joins: dict[Stage, StageJoin] = {}

    @property
    def stages(self) -> list[Stage]:
        """All that have been heard of, in their order."""
        return sorted(self._joins)

    def __contains__(self, stage: Stage) -> bool:
        return stage in self._joins

    def of(self, stage: Stage) -> StageJoin:
        """The live join of a stage."""
        join = self._joins.get(stage)
        if join is None:
            join = self._joins[stage] = StageJoin(stage, self._settings)
        return join

    def add(self, block: ScoredBlock) -> list[DecidedBlock]:
        """Hand rows to the join of their stage; those of a device that does not join are decided at once."""
        if not block.device.joins:
            return [decide_alone(block)]
        self.of(block.device.stage).add(block)
        return []

    def advance(self, device: Device, until_ns: int) -> None:
        """The recorder of this device has delivered everything up to this time."""
        if device.joins:
            self.of(device.stage).advance(device, until_ns)

    def silence(self, device: Device) -> None:
        """Nothing comes from this device any more for now: do not wait for it."""
        if device.joins and device.stage in self._joins:
            self._joins[device.stage].silence(device)

    def restore(self, stage: Stage, state: State) -> None:
        """Go on with a stage from a saved state."""
        self.of(stage).restore(state)


def stage_key(stage: Stage) -> str:
    """The key of a laser stage's state in a checkpoint."""
    return f"{STAGE_KEYS}{stage}"


def stage_of_key(key: str) -> Stage:
    """The laser stage that ``stage_key`` gave the key of."""
    return Stage.parse(key.removeprefix(STAGE_KEYS))
