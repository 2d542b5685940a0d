"""Record blocks: the arrays as ``da00``, the community's FlatBuffers schema, and the lineage in headers.

The variables of version 1, in this order: ``time`` (int64, ns since 1970), ``state`` and ``refusal`` (uint8, codes of
``DeviceState`` and ``Refusal``), ``signal`` (the payload), and ``hdf5_path`` (uint8, see ``hdf5_paths``).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from streaming_data_types.dataarray_da00 import FILE_IDENTIFIER, Variable, deserialise_da00, serialise_da00
from streaming_data_types.fbschemas.dataarray_da00.da00_DataArray import da00_DataArray
from streaming_data_types.fbschemas.dataarray_da00.da00_dtype import da00_dtype

from connectors.wire.document import check_size
from connectors.wire.hdf5_paths import pack_paths, unpack_paths
from connectors.wire.header_fields import HeaderFields, write_headers
from connectors.wire.limits import MAX_PATHS_BYTES, MAX_RECORDS, MAX_TIME_NS, MIN_TIME_NS
from connectors.wire.message import Headers, Incoming
from connectors.wire.schema import Format, Schema
from models.devices import Device, RecordKind, parse_device
from models.messages import FileMoment, RecordMessage
from models.records import DeviceState, RecordBlock, Refusal

_VARIABLES = ("time", "state", "refusal", "signal", "hdf5_path")
_MAX_AXES = 3
_AXES = {
    RecordKind.CAMERA: ["record", "y", "x"],
    RecordKind.ENERGY_METER: ["record", "reading"],
    RecordKind.SPECTROMETER: ["record", "sample"],
    RecordKind.OTHER: ["record", "value"],
}
_UNITS = {
    RecordKind.CAMERA: "counts",
    RecordKind.ENERGY_METER: "J",
    RecordKind.SPECTROMETER: "arb. unit",
    RecordKind.OTHER: "",
}


def _write(message: RecordMessage) -> tuple[bytes, Headers]:
    block = message.block
    if not len(block) or parse_device(block.device.name) != block.device:
        raise ValueError(f"a message holds at least one record of a device that its name says, got {block.device!r}")
    headers: dict[str, object] = {
        "file": block.source.file,
        "sha256": block.source.sha256,
        "device": block.device.name,
        "kind": str(block.device.kind),
        "block": message.block_number,
        "first_record": message.first_record,
        "records": len(block),
        "interval_hz": float(block.interval_hz),
        "replacement": block.replacement,
        "start_ns": message.moment.start_ns,
        "closed_ns": message.moment.closed_ns,
    }
    if message.begins_unit:
        headers["begins_unit"] = True
    data = serialise_da00(block.device.name, int(block.event_time_ns[0]), _variables(block))
    return check_size(data), write_headers(headers)


def _variables(block: RecordBlock) -> list[Variable]:
    kind = block.device.kind
    paths = np.frombuffer(pack_paths(block.hdf5_group), np.uint8)
    return [
        Variable("time", block.event_time_ns, ["record"], unit="ns", label="since 1970-01-01T00:00:00Z"),
        Variable("state", block.state, ["record"]),
        Variable("refusal", block.refusal, ["record"]),
        Variable("signal", block.payload, _AXES[kind], unit=_UNITS[kind], label=str(kind)),
        Variable("hdf5_path", paths, ["byte"]),
    ]


def _read(incoming: Incoming, fields: HeaderFields) -> RecordMessage:
    device = read_device(fields)
    count = fields.integer("records", minimum=1, maximum=MAX_RECORDS)
    source, moment = fields.source(), read_moment(fields)
    first_record = fields.integer("first_record", minimum=0)
    block_number = fields.integer("block", minimum=0)
    interval_hz, replacement = fields.rate_hz("interval_hz"), fields.flag("replacement")
    arrays = _arrays(incoming.value or b"", device, count)
    block = RecordBlock(
        device=device,
        source=source,
        event_time_ns=_checked_times(arrays["time"]),
        state=_checked_codes(arrays["state"], len(DeviceState), "state"),
        refusal=_checked_codes(arrays["refusal"], len(Refusal), "refusal"),
        payload=arrays["signal"],
        hdf5_group=unpack_paths(arrays["hdf5_path"].tobytes(), count, MAX_PATHS_BYTES),
        interval_hz=interval_hz,
        replacement=replacement,
    )
    return RecordMessage(
        block=block,
        block_number=block_number,
        first_record=first_record,
        moment=moment,
        begins_unit="begins_unit" in fields and fields.flag("begins_unit"),
    )


def read_device(fields: HeaderFields) -> Device:
    """The device that the headers name; its kind must be what the name says."""
    device = parse_device(fields.text("device"))
    if fields.choice("kind", RecordKind) is not device.kind:
        raise fields.damaged("kind", f"the device's name says {device.kind}")
    return device


def read_moment(fields: HeaderFields) -> FileMoment:
    """The times of the file behind the message."""
    return FileMoment(start_ns=fields.time_ns("start_ns"), closed_ns=fields.time_ns("closed_ns"))


def _arrays(value: bytes, device: Device, count: int) -> dict[str, NDArray[Any]]:
    """The variables by name, each of the type, axes and shape that it must have."""
    _check_structure(value)
    array = deserialise_da00(value)
    if [variable.name for variable in array.data] != list(_VARIABLES) or array.source_name != device.name:
        raise ValueError("the variables are not those of a record block of this device")
    time, state, refusal, signal, paths = array.data
    arrays = {
        "time": _checked(time, np.int64, ["record"], (count,)),
        "state": _checked(state, np.uint8, ["record"], (count,)),
        "refusal": _checked(refusal, np.uint8, ["record"], (count,)),
        "signal": _checked_signal(signal, device.kind, count),
        "hdf5_path": _checked(paths, np.uint8, ["byte"], (None,)),
    }
    if array.timestamp_ns != int(arrays["time"][0]):
        raise ValueError("the timestamp is not the first record's time")
    return arrays


def _check_structure(value: bytes) -> None:
    """Look at the counts before the library follows them: one text may be named a million times."""
    if value[4:8] != FILE_IDENTIFIER:
        raise ValueError("it is no da00")
    root = da00_DataArray.GetRootAs(value, 0)
    if root.DataLength() != len(_VARIABLES):
        raise ValueError(f"{root.DataLength()} variables instead of {len(_VARIABLES)}")
    for position in range(len(_VARIABLES)):
        variable = root.Data(position)
        if not 1 <= variable.AxesLength() <= _MAX_AXES or variable.ShapeLength() != variable.AxesLength():
            raise ValueError("axes and shape disagree")
        if variable.DataType() == da00_dtype.c_string:
            raise ValueError("a variable is a text")


def _checked(variable: Variable, dtype: Any, axes: list[str], shape: tuple[int | None, ...]) -> NDArray[Any]:
    """The array of a variable, a read-only view of the message, if it is what it should be."""
    array = variable.data
    if not isinstance(array, np.ndarray) or array.dtype != np.dtype(dtype) or variable.axes != axes:
        raise ValueError(f"the variable {variable.name} has another type or other axes")
    if tuple(variable.shape or ()) != array.shape or len(array.shape) != len(shape):
        raise ValueError(f"the variable {variable.name} has another shape")
    if any(wanted not in {None, found} for wanted, found in zip(shape, array.shape, strict=True)):
        raise ValueError(f"the variable {variable.name} has shape {array.shape} instead of {shape}")
    return array


def _checked_signal(variable: Variable, kind: RecordKind, count: int) -> NDArray[Any]:
    shapes: dict[RecordKind, tuple[int | None, ...]] = {
        RecordKind.CAMERA: (count, None, None),
        RecordKind.ENERGY_METER: (count, 2),
        RecordKind.SPECTROMETER: (count, None),
        RecordKind.OTHER: (count, None),
    }
    dtype = np.uint16 if kind is RecordKind.CAMERA else np.float64
    array = _checked(variable, dtype, _AXES[kind], shapes[kind])
    # FlatBuffers puts bytes on addresses that 4 divides; kernels want doubles where 8 does.
    return _readonly(np.require(array, requirements="A"))


def _checked_times(times: NDArray[np.int64]) -> NDArray[np.int64]:
    # A copy: who keeps a block's times must not keep its pixels.
    times = times.copy()
    if times[0] < MIN_TIME_NS or times[-1] >= MAX_TIME_NS or (times[1:] < times[:-1]).any():
        raise ValueError("the times are not in order, or no times")
    return _readonly(times)


def _checked_codes(codes: NDArray[np.uint8], count: int, name: str) -> NDArray[np.uint8]:
    if codes.max() >= count:
        raise ValueError(f"the code {codes.max()} stands for no {name}")
    return _readonly(codes.copy())


def _readonly(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array


#: Version 1 of record blocks.
RECORDS: Format[RecordMessage] = Format(Schema("records", 1), _write, _read)
