"""What operators say with a step by the API: its body."""

from pydantic import BaseModel, ConfigDict, Field

from streams.alarms.alarm_desk import LONGEST_WHY


class Step(BaseModel):
    """A step that needs no reason."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "seen, Ada goes there"}]})

    why: str = Field("", max_length=LONGEST_WHY, description="For those who come after; stands in the audit log.")


class ExplainedStep(BaseModel):
    """A step that needs one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "the camera is being replaced"}]})

    why: str = Field(min_length=1, max_length=LONGEST_WHY, description="For those who come after.")


class StepUntil(ExplainedStep):
    """A step that ends by itself."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"until": "2022-07-01T18:00:00Z", "why": "the camera is being replaced"}]},
    )

    until: str = Field(max_length=40, description="When it ends, ISO 8601; UTC without a zone.")
