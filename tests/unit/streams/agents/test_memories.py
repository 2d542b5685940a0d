"""What came before: files of a device, messages of an origin, dead letters that are retried."""

import pytest

from connectors.wire.message import Incoming
from models.errors import RecordError
from models.messages import Origin
from models.records import SourceReference
from models.state import decode_state, encode_state
from streams.agents.file_memory import FileMemory
from streams.agents.origins import Origins
from streams.agents.retries import RETRIED_HEADER, Retries, retried_number


def source(file: str = "a.h5", sha256: str = "aa") -> SourceReference:
    return SourceReference(file=file, sha256=sha256)


def restored(memory: FileMemory) -> FileMemory:
    other = FileMemory()
    other.restore(decode_state(encode_state(memory.state())))
    return other


def test_records_are_known_by_their_place_however_they_are_cut() -> None:
    memory = FileMemory()
    assert memory.known_records(source(), 0, 10) == 0
    assert memory.known_records(source(), 10, 5) == 0
    assert memory.known_records(source(), 0, 10) == 10
    assert memory.known_records(source(), 8, 10) == 7
    assert memory.known_records(source(), 18, 2) == 0
    assert restored(memory).known_records(source(), 0, 20) == 20


def test_a_block_that_was_refused_leaves_a_gap_behind_which_the_work_goes_on() -> None:
    memory = FileMemory()
    memory.known_records(source(), 0, 10)
    assert memory.known_records(source(), 20, 10) == 0
    assert memory.known_records(source(), 20, 10) == 10


def test_of_a_closed_file_everything_is_known() -> None:
    memory = FileMemory()
    memory.known_records(source(), 0, 10)
    assert memory.close(source())
    for again in (memory, restored(memory)):
        assert again.known_records(source(), 10, 5) == 5
        assert not again.close(source())


def test_a_file_without_records_of_the_device_is_closed_once() -> None:
    memory = FileMemory()
    assert memory.close(source())
    assert not memory.close(source())


def test_other_content_and_other_paths_are_other_files() -> None:
    memory = FileMemory()
    memory.known_records(source(), 0, 10)
    memory.close(source())
    assert memory.known_records(source(file="b.h5"), 0, 10) == 0
    assert memory.known_records(source(sha256="bb"), 0, 10) == 0


def test_content_that_comes_back_after_another_is_new() -> None:
    memory = FileMemory()
    for sha256 in ("aa", "bb", "aa", "bb"):
        assert memory.known_records(source(sha256=sha256), 0, 10) == 0
        assert memory.close(source(sha256=sha256))
        assert not restored(memory).close(source(sha256=sha256))


def test_the_latest_files_are_remembered_in_a_few_bytes_each() -> None:
    memory = FileMemory()
    for number in range(2_100):
        assert memory.close(source(file=f"{number}.h5"))
    assert memory.close(source(file="51.h5"))
    assert not memory.close(source(file="53.h5"))
    assert len(encode_state(memory.state())) < 17_000


def test_files_that_never_end_are_forgotten_some_day() -> None:
    memory = FileMemory()
    for number in range(65):
        memory.known_records(source(file=f"{number}.h5"), 0, 10)
    assert memory.known_records(source(file="1.h5"), 0, 10) == 10
    assert memory.known_records(source(file="0.h5"), 0, 10) == 0


def test_a_message_of_an_origin_comes_once() -> None:
    origins = Origins()
    first, part, later = Origin("images", 1, 5), Origin("images", 1, 5, 1), Origin("images", 1, 7)
    assert origins.is_new(first)
    assert origins.is_new(part)
    assert not origins.is_new(first)
    assert origins.is_new(later)
    assert not origins.is_new(Origin("images", 1, 6))
    assert origins.is_new(Origin("images", 2, 5))
    assert origins.is_new(Origin("energies", 1, 5))
    other = Origins()
    other.restore(decode_state(encode_state(origins.state())))
    assert not other.is_new(later)
    assert other.is_new(Origin("images", 1, 8))


def test_a_dead_letter_is_retried_once() -> None:
    retries = Retries()
    assert retries.is_new(7)
    other = Retries()
    other.restore(decode_state(encode_state(retries.state())))
    assert not other.is_new(7)
    assert other.is_new(3)
    for number in range(100, 2_000):
        assert other.is_new(number)
    assert not any(other.is_new(number) for number in (3, 7, *range(100, 2_000)))


def test_of_very_many_retried_numbers_the_oldest_count_as_known() -> None:
    retries = Retries()
    numbers = range(10, 10 + 3 * 5_000, 3)
    assert all(retries.is_new(number) for number in numbers)
    assert len(retries.state()["firsts"]) == len(retries.state()["ends"]) == 4_096
    assert not any(retries.is_new(number) for number in numbers)
    assert not retries.is_new(0)
    assert not retries.is_new(numbers[100] + 1)
    assert retries.is_new(numbers[-1] - 1)
    assert retries.is_new(numbers[-1] + 1)


def _with_headers(*headers: tuple[str, bytes]) -> Incoming:
    return Incoming(topic="images", partition=0, offset=4, key=b"k", value=b"", headers=headers)


def test_the_number_of_a_retried_message_stands_in_its_header() -> None:
    assert retried_number(_with_headers(("schema", b"records/1"))) is None
    assert retried_number(_with_headers((RETRIED_HEADER, b"12"))) == 12


@pytest.mark.parametrize("value", [b"", b"x", b"-1", "٣".encode(), b"1" * 40])
def test_a_retried_message_without_a_number_is_refused(value: bytes) -> None:
    with pytest.raises(RecordError, match="retried of images/0@4 is no number"):
        retried_number(_with_headers((RETRIED_HEADER, value)))
