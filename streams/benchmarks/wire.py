"""What the wire format costs per image, and what compression would cost and save."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from connectors.beam_library import load_beam_shapes
from connectors.wire.codec import Message, decode, encode
from connectors.wire.message import Incoming
from models.devices import Device, RecordKind
from models.errors import FatalError
from models.messages import FileMoment, RecordMessage, ScoredMessage
from models.records import RecordBlock, SourceReference
from models.scored_rows import ScoredRows
from models.simulation.laser import DeviceMinute, LaserSimulator
from models.simulation.settings import SimulationSettings
from streams.benchmarks.figure import Figure, median_figure, seconds_each

_BLOCK = 32
_MICROSECONDS = 1e6
_MEGABYTE = 1e6
_MOMENT = FileMoment(start_ns=0, closed_ns=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSize:
    """How often each step is timed."""

    repeats: int = 300


def measure_wire(size: WireSize) -> Iterator[Figure]:
    """Microseconds per record of encoding and decoding, then plain pixels against bitshuffle with LZ4, on one core."""
    simulator = LaserSimulator(SimulationSettings(minutes=2, stages=1, faults=False), load_beam_shapes())
    dark_minute, minute = (simulator.minute(0, number) for number in range(2))
    for kind in (RecordKind.CAMERA, RecordKind.ENERGY_METER, RecordKind.SPECTROMETER):
        block = _first_block(minute, kind)
        name = kind.value.replace("_", " ")
        for records in (_BLOCK, 1):
            yield from _measure_message(f"blocks of {records}, {name}", _message(_cut(block, records)), records, size)
    images = _first_block(minute, RecordKind.CAMERA)
    rows = ScoredRows(images, images.refusal, images.refusal).scored_block()
    yield from _measure_message(f"rows of {_BLOCK}, camera", ScoredMessage(scored=rows, moment=_MOMENT), _BLOCK, size)
    yield from _measure_compression("images with beam", images.payload.tobytes(), size)
    dark = _first_block(dark_minute, RecordKind.CAMERA)
    yield from _measure_compression("dark images", dark.payload.tobytes(), size)


def _first_block(minute: dict[Device, DeviceMinute], kind: RecordKind) -> RecordBlock:
    """The first records of a device of this kind."""
    recorded = next(recorded for device, recorded in minute.items() if device.kind is kind)
    source = SourceReference(file="10Hz/2022-07-01/LA_R1_60s_snapshot_2022-07-01_09-34-00-000.h5", sha256="0" * 64)
    return next(recorded.blocks(source, 10.0, _BLOCK))


def _cut(block: RecordBlock, records: int) -> RecordBlock:
    """The first records of a block."""
    names = ("event_time_ns", "state", "refusal", "payload", "hdf5_group")
    return replace(block, **{name: getattr(block, name)[:records] for name in names})


def _message(block: RecordBlock) -> RecordMessage:
    return RecordMessage(block=block, block_number=0, first_record=0, moment=_MOMENT)


def _measure_message(name: str, message: Message, records: int, size: WireSize) -> Iterator[Figure]:
    encoded = encode(message)
    incoming = Incoming(topic="", partition=0, offset=0, key=None, value=encoded.value, headers=encoded.headers)
    for step, work in (("encode", lambda: encode(message)), ("decode", lambda: decode(incoming))):
        seconds = seconds_each(work, repeats=size.repeats)
        yield median_figure(f"{step} {name}", seconds, unit="us", per=_MICROSECONDS / records, wanted="")


def _measure_compression(name: str, pixels: bytes, size: WireSize) -> Iterator[Figure]:
    """Bytes of a block of images against the same through blosc2: how much smaller, and for how much time."""
    yield from _speed(f"copying {name}", lambda: bytearray(pixels), pixels, size)
    for shuffled in (True, False):
        compress, expand = _blosc(shuffled=shuffled)
        small = compress(pixels)
        if expand(small) != pixels:
            raise FatalError(f"blosc2 did not give back the bytes of {name}", reason="comparison_failed")
        way = "bitshuffle+LZ4" if shuffled else "LZ4 alone"
        yield Figure(name=f"{way}, {name}: plain by compressed", value=len(pixels) / len(small), unit="times")
        yield from _speed(f"{way}, compressing {name}", partial(compress, pixels), pixels, size)
        yield from _speed(f"{way}, expanding {name}", partial(expand, small), pixels, size)


def _speed(name: str, work: Callable[[], object], pixels: bytes, size: WireSize) -> Iterator[Figure]:
    seconds = seconds_each(work, repeats=size.repeats)
    yield median_figure(name, seconds, unit="us", per=_MICROSECONDS / _BLOCK, wanted="")
    speed = len(pixels) / statistics.median(seconds) / _MEGABYTE
    yield Figure(name=f"{name}: speed", value=speed, unit="MB/s")


def _blosc(*, shuffled: bool) -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]:
    """What compresses blocks of 16-bit pixels on one thread, and what undoes it."""
    try:
        import blosc2  # noqa: PLC0415 - a development dependency, only for this comparison
    except ImportError as error:
        raise FatalError(
            "the comparison with compressed blocks needs blosc2; install it with pip install blosc2",
            reason="package_missing",
        ) from error
    filters = [blosc2.Filter.BITSHUFFLE if shuffled else blosc2.Filter.NOFILTER]
    options = {"typesize": 2, "codec": blosc2.Codec.LZ4, "clevel": 1, "filters": filters, "nthreads": 1}
    return partial(blosc2.compress2, **options), partial(blosc2.decompress2, nthreads=1)
