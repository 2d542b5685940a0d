"""Names of stages."""

import pytest

from models.devices import NO_STAGE, Stage


@pytest.mark.parametrize("stage", [Stage("LA", "A3", "31"), Stage("LB", "dF", "00"), NO_STAGE])
def test_a_stage_is_read_as_it_is_written(stage: Stage) -> None:
    assert Stage.parse(str(stage)) == stage


@pytest.mark.parametrize("text", ["", "a-b-c", "LA-A3", "LA-A3-31-", "LC-A3-31", "LA-A3-31\n", " LA-A3-31", "la-a3-31"])
def test_what_is_no_stage_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is no stage; they are named as LA-A3-31"):
        Stage.parse(text)
