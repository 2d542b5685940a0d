"""The models of a replay: those of its state, or another one that is to be compared with them."""

from pathlib import Path

from connectors.model_files import installed_model, kept_model, load_model
from models.errors import FatalError
from models.model_bundle import ModelBundle
from streams.archive.states.stage_states import StageStates, model_key, unpack_model
from streams.replay.plan import Fetch
from streams.replay.run import ReplayModels
from streams.replay.sources import ReplaySource


class ReplayModelFinder:
    """Finds models by their names: kept by the watch, shipped, or archived beside the states.

    Parameters
    ----------
    state_dir
        Of the watch; need not be there.
    folder
        For what is unpacked.
    """

    def __init__(self, state_dir: Path, source: ReplaySource, fetch: Fetch, folder: Path) -> None:
        self._state_dir = state_dir
        self._source = source
        self._fetch = fetch
        self._folder = folder

    def first(self, state: StageStates | None) -> ReplayModels:
        """Those with which the stretch was watched; without a state, the one that is in use now.

        Raises
        ------
        FatalError
            One of them can't be had.
        """
        if state is None:
            return ReplayModels(in_use=installed_model(self._state_dir))
        found = {name: self._of_state(name, sha256) for name, sha256 in state.models.items()}
        if state.model not in found:
            raise _missing(state.model)
        return ReplayModels(in_use=found[state.model], of_state=tuple(found.values()))

    def other(self, name: str, first: ReplayModels) -> ReplayModels:
        """A model by its name or its folder, in use from the state on: each camera changes to it once it has learned.

        Raises
        ------
        FatalError
            It can't be had, or is the one that is compared.
        """
        folder = Path(name)
        bundle = load_model(folder) if folder.is_dir() else kept_model(self._state_dir, name)
        if bundle.name == first.in_use.name:
            raise FatalError(
                f"{name} is the model with which the stretch was watched; name another one", reason="replay_same_model"
            )
        return ReplayModels(in_use=bundle, of_state=(first.in_use, *first.of_state) if first.of_state else ())

    def _of_state(self, name: str, sha256: str) -> ModelBundle:
        try:
            return kept_model(self._state_dir, name)
        except FatalError:
            file = self._source.file(model_key(name, sha256), sha256)
            if file is None:
                raise
        folder = self._folder / name
        unpack_model(self._fetch([file])[file.id], folder)
        bundle = load_model(folder)
        if bundle.name != name:
            raise _missing(name)
        return bundle


def _missing(name: str) -> FatalError:
    return FatalError(
        f"the model {name} of the archived state can't be had; restore its file below models/", reason="model_missing"
    )
