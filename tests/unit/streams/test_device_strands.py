"""Threads for the device stages."""

import threading
import time
from collections.abc import Iterator

import pytest

from models.devices import Device, parse_device
from streams.device_strands import DeviceStrands

DEVICES = [parse_device(f"LA_A3_31-Camera_{number}-Camera-{number}") for number in range(6)]


@pytest.fixture
def strands() -> Iterator[DeviceStrands]:
    strands = DeviceStrands(3)
    yield strands
    strands.close()


def test_the_work_of_a_device_is_done_in_order_and_never_at_once(strands: DeviceStrands) -> None:
    done: dict[Device, list[int]] = {device: [] for device in DEVICES}
    busy: set[Device] = set()

    def work(device: Device, number: int) -> int:
        assert device not in busy
        busy.add(device)
        time.sleep(0.0005 * (number % 3))
        done[device].append(number)
        busy.remove(device)
        return number

    futures = [
        strands.submit(device, lambda device=device, number=number: work(device, number))  # type: ignore[misc]
        for number in range(30)
        for device in DEVICES
    ]
    assert [future.result(60) for future in futures] == [number for number in range(30) for _ in DEVICES]
    assert all(numbers == list(range(30)) for numbers in done.values())


def test_different_devices_are_worked_on_side_by_side(strands: DeviceStrands) -> None:
    meeting = threading.Barrier(3, timeout=60)
    futures = [strands.submit(device, meeting.wait) for device in DEVICES[:3]]
    assert sorted(future.result(60) for future in futures) == [0, 1, 2]


def test_a_device_with_much_to_do_occupies_no_thread_while_it_waits(strands: DeviceStrands) -> None:
    go_on = threading.Event()
    waiting = [strands.submit(DEVICES[0], go_on.wait) for _ in range(10)]
    assert strands.submit(DEVICES[1], lambda: "done").result(60) == "done"
    go_on.set()
    assert all(future.result(60) for future in waiting)


def test_an_error_comes_up_where_the_result_is_read(strands: DeviceStrands) -> None:
    def fail() -> None:
        raise ValueError("no")

    failed, after = strands.submit(DEVICES[0], fail), strands.submit(DEVICES[0], lambda: 1)
    with pytest.raises(ValueError, match="no"):
        failed.result(60)
    assert after.result(60) == 1
