"""All architectures by name; what a learning framework takes to be imported is paid by those that use it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from models.model_bundle import ModelBundle
from models.training.architectures.architecture import Architecture
from models.training.architectures.denoising import DenoisingAutoencoder
from models.training.architectures.hybrid import Hybrid
from models.training.architectures.moments import RollingMoments
from models.training.architectures.patch_statistics import PatchStatistics
from models.training.architectures.pca import PcaAlone
from models.training.architectures.strided_autoencoder import StridedAutoencoder
from models.training.settings import TrainingSettings


def _report(_: ModelBundle, __: TrainingSettings) -> Architecture:
    from models.training.architectures.report_network import ReportNetwork  # noqa: PLC0415 - it imports Keras

    return ReportNetwork()


def _half_space_trees(_: ModelBundle, __: TrainingSettings) -> Architecture:
    from models.training.architectures.half_space_trees import HalfSpaceTreesOnMoments  # noqa: PLC0415 - likewise river

    return HalfSpaceTreesOnMoments()


#: Makes the architecture of a name, from the model that trainings start with, and how the watch's own is trained.
ARCHITECTURES: Mapping[str, Callable[[ModelBundle, TrainingSettings], Architecture]] = MappingProxyType(
    {
        "strided": StridedAutoencoder,
        "moments": lambda _, __: RollingMoments(),
        "pca": lambda _, __: PcaAlone(),
        "report": _report,
        "denoising": DenoisingAutoencoder,
        "half-space-trees": _half_space_trees,
        "hybrid": lambda start, settings: Hybrid(StridedAutoencoder(start, settings)),
        "patches": lambda start, settings: PatchStatistics(StridedAutoencoder(start, settings)),
    }
)
