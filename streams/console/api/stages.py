"""Stages of the laser, and the devices that record them."""

from fastapi import APIRouter, Request
from pydantic import Field

from connectors.state.reader import StateReader
from models.devices import RecordKind
from streams.console.api.answers import Answer
from streams.console.api.route import ApiRoute
from streams.console.api.validators import unless_known
from streams.console.parts import parts
from streams.history.known_devices import known_devices, stages_of

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["installation"])


class StageEntry(Answer):
    """One amplifier arm."""

    name: str = Field(description="`LA-A3-31`.", examples=["LA-A3-31"])
    front_end: str = Field(description="`LA` or `LB`.")
    amp: str = Field(description="`FE`, `A1`, `A2` or `A3`, or two letters of diagnostics behind them.")
    arm: str = Field(description="`00`, `11`, `12`, `31` or `32`.")
    devices: list[str] = Field(description="Names of its devices.")


class Stages(Answer):
    """All stages that are known."""

    items: list[StageEntry] = Field(description="In their order.")


class DeviceEntry(Answer):
    """One recording device."""

    name: str = Field(description="As the control system writes it.", examples=["LA_A3_31-Camera_1-Camera-1"])
    kind: RecordKind = Field(description="What it records.")
    stage: str | None = Field(description="Null for one whose name says none.")
    joins: bool = Field(description="Whether its records belong into triplets.")


class Devices(Answer):
    """All devices that are known."""

    items: list[DeviceEntry] = Field(description="By name.")


@router.get("/stages")
def stages(request: Request) -> Stages:
    """The stages that have recorded."""
    with StateReader.open(parts(request).state) as reader:
        unless_known(request, *reader.version())
        found = stages_of(known_devices(reader))
    return Stages(
        items=[
            StageEntry(
                name=str(stage),
                front_end=stage.front_end,
                amp=stage.amp,
                arm=stage.arm,
                devices=[device.name for device in devices],
            )
            for stage, devices in found.items()
        ]
    )


@router.get("/devices")
def devices(request: Request) -> Devices:
    """The devices that have recorded; of a facility those of its latest minute."""
    with StateReader.open(parts(request).state) as reader:
        unless_known(request, *reader.version())
        found = known_devices(reader)
    return Devices(
        items=[
            DeviceEntry(
                name=device.name,
                kind=device.kind,
                stage=device.stage.name or None,
                joins=device.joins,
            )
            for device in found
        ]
    )
