"""Rules of the join in an operator's words."""

import math

from models.alerts.explanation import Explanation
from models.causes.join_words import explain_incomplete, explain_no_beam, explain_silence, explain_state
from models.devices import RecordKind
from models.records import DeviceState, Refusal


def test_a_dark_camera() -> None:
    assert explain_no_beam(173.21) == Explanation(
        text="the camera sees no beam while 173 J are measured", cause="missing_beam", cause_probability=1.0
    )
    assert explain_no_beam(math.nan).text == "the camera sees no beam while energy is measured"


def test_a_device_that_is_off_or_silent() -> None:
    assert explain_state(DeviceState.FAULT) == Explanation(
        text="state FAULT while the stage fires", cause="state_fault", cause_probability=1.0
    )
    assert explain_silence(24, 3_050_000_000) == Explanation(
        text="no record of 24 shots in 3.0 s while the stage fires"
    )


def test_what_a_shot_lacks_and_why() -> None:
    image, energy = (RecordKind.CAMERA, "C", None), (RecordKind.ENERGY_METER, "M", Refusal.STATE_NOT_ON)
    spectrum = (RecordKind.SPECTROMETER, "S", Refusal.NOT_FINITE)
    assert explain_incomplete([image]) == Explanation(
        text="no image of C (not recorded)", cause="missing_record", cause_probability=1.0
    )
    assert explain_incomplete([energy]) == Explanation(
        text="no energy of M (refused: state not on)", cause="state_fault", cause_probability=1.0
    )
    assert explain_incomplete([image, energy, spectrum]) == Explanation(
        text="no image of C (not recorded), no energy of M (refused: state not on), "
        "no spectrum of S (refused: not finite)"
    )
    assert explain_incomplete([image] * 5).text.endswith("no image of C (not recorded), 2 more devices")
