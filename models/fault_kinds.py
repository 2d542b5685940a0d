"""The words for what goes wrong: of the labels of simulated faults, and of the causes that alerts name."""

from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong."""

    HOT_SPOT = "hot_spot"
    DARK_SPOT = "dark_spot"
    CLIPPED = "clipped"
    POINTING_JUMP = "pointing_jump"
    DOUBLE_BEAM = "double_beam"
    ENERGY_DROP = "energy_drop"
    MISSING_BEAM = "missing_beam"
    FRINGES = "fringes"
    RINGS = "rings"
    STUCK_FRAME = "stuck_frame"
    ROW_SHIFT = "row_shift"
    SATURATION = "saturation"
    ASTIGMATISM = "astigmatism"
    MISSING_RECORD = "missing_record"
    STATE_FAULT = "state_fault"
    BANDWIDTH_DROP = "bandwidth_drop"
    ENERGY_SPIKE = "energy_spike"
