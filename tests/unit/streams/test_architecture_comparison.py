"""The comparison from end to end, as small as it goes, and its command."""

import json

import pytest

from models.errors import FatalError
from streams.architecture_comparison import ComparisonSize, compare_architectures
from streams.command_line import run

TINY = ComparisonSize(
    cameras=1, minutes=2, drift_minutes=1, drift_cameras=1, staying_minutes=1, epochs=1, virtual_cameras=2, seed=5
)


def test_every_architecture_sees_the_same_frames() -> None:
    steps: list[tuple[int, int]] = []
    compared = compare_architectures(TINY, ["moments", "pca"], lambda done, total: steps.append((done, total)))
    assert [each.name for each in compared] == ["moments", "pca"]
    totals = [
        (
            sum(rate.total for rate in each.figures.found.values()),
            each.figures.beyond_fixed.total,
            each.figures.drift_beyond_fixed.total,
            each.figures.staying_odd.total,
        )
        for each in compared
    ]
    assert totals[0] == totals[1]
    found, normal, drifting, staying = totals[0]
    assert found + normal == 2 * 600 - 300
    assert drifting == 6 * 120 - 300
    assert staying == 2 * 120
    assert steps[-1] == (steps[-1][1],) * 2
    assert all(each.figures.image_us > 0 for each in compared)


def test_an_unknown_architecture_is_named() -> None:
    with pytest.raises(FatalError, match="no architecture 'nonsense'; there are strided, "):
        compare_architectures(TINY, ["moments", "nonsense"])


def test_the_command_gives_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["benchmark-models", "--only", "moments", "--cameras", "1", "--minutes", "2", "--brief", "--json"]
    assert run(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["size"]["drift_minutes"] == 0
    (moments,) = document["architectures"]
    assert moments["name"] == "moments"
    assert set(moments["found"]) == {"strong", "medium", "mild"}
