import numpy as np
import pytest

from models.images.cleaning import clean, clean_by_border
from models.images.dark_profile import NEVER
from models.records import IMAGE_SHAPE
from tests.unit.models.images.frames import FrameSource, gaussian_beam
from tests.unit.models.images.test_dark_profile import profile_of


def test_noise_becomes_zero_and_the_rest_keeps_its_value_above_the_pedestal() -> None:
    source = FrameSource()
    profile = profile_of(source.frames(50))
    raw = source.frames(5, gaussian_beam(2500))
    out = np.full(raw.shape, np.nan, np.float32)
    clean(raw, profile, out)
    expected = np.where(raw > profile.threshold, raw - profile.pedestal, np.float32(0))
    np.testing.assert_array_equal(out, expected)


def test_hot_and_dead_pixels_become_the_mean_of_their_good_neighbours_and_count_in_the_sum() -> None:
    source = FrameSource(seed=1)
    for place in [(50, 63), (50, 64), (0, 0)]:
        source.pedestal[place] += 1500
    profile = profile_of(source.frames(50))
    raw = source.frames(1, gaussian_beam(2000))
    out = np.empty(raw.shape, np.float32)
    cleaned = clean(raw, profile, out)
    rows, columns = np.mgrid[49:52, 62:65]
    good = ~profile.defective[49:52, 62:65]
    assert out[0, 50, 63] == pytest.approx(out[0, rows[good], columns[good]].mean(), rel=1e-6)
    assert cleaned.features[0, 0] == pytest.approx(out[0].astype(np.float64).sum(), rel=1e-9)
    assert (profile.threshold == NEVER).sum() == 3
    assert cleaned.features[0, 7] == out[0].max()


def test_dark_frames_come_out_empty() -> None:
    source = FrameSource(seed=2)
    profile = profile_of(source.frames(50))
    raw = source.frames(100)
    out = np.empty(raw.shape, np.float32)
    cleaned = clean(raw, profile, out)
    assert np.count_nonzero(out) <= 8  # 1.3 expected of 1.3 million
    empty = cleaned.features[:, 0] == 0
    assert empty.mean() > 0.9
    assert np.isnan(cleaned.features[empty][:, [1, 2, 3, 4, 5, 6, 8]]).all()
    assert (cleaned.features[empty][:, [7, 9]] == 0).all()


def test_without_a_profile_the_border_gives_pedestal_and_threshold() -> None:
    source = FrameSource(seed=3)
    raw = source.frames(3, gaussian_beam(2500))
    out = np.empty(raw.shape, np.float32)
    cleaned = clean_by_border(raw, 1e-6, out)
    kept = out > 0
    pedestal = (raw - out)[kept]
    assert np.abs(pedestal - 60.0).max() < 0.5
    assert raw[kept].min() > 60 + 4.7 * 4
    assert cleaned.features[0, 0] == pytest.approx(gaussian_beam(2500).sum(), rel=0.03)


def test_saturated_pixels_are_counted_and_bright_ones() -> None:
    source = FrameSource(seed=4)
    profile = profile_of(source.frames(50))
    raw = source.frames(1)
    raw[0, 20:30, 30:40] = 4092
    raw[0, 40, 40] = 700
    out = np.empty(raw.shape, np.float32)
    cleaned = clean(raw, profile, out)
    assert cleaned.features[0, 9] == 100 / 13056
    assert cleaned.bright_pixels[0] == 101


def test_the_hash_tells_equal_frames_from_all_others() -> None:
    raw = np.repeat(FrameSource(seed=5).frames(1, gaussian_beam(2500)), 300, axis=0)
    changed = np.arange(1, 300)
    raw[changed, changed % 102, (changed * 7) % 128] ^= (1 << (changed % 12)).astype(np.uint16)  # one bit of one pixel
    raw[299], raw[299, 50, 60], raw[299, 50, 64] = raw[0], raw[0, 50, 64], raw[0, 50, 60]  # two pixels exchanged
    out = np.empty(raw.shape, np.float32)
    hashes = clean_by_border(raw, 1e-6, out).frame_hash
    assert len(set(hashes.tolist())) == 300
    again = clean_by_border(raw[:1].copy(), 1e-6, out[:1]).frame_hash
    assert again[0] == hashes[0]


def test_a_frame_does_not_depend_on_those_beside_it() -> None:
    source = FrameSource(seed=6)
    profile = profile_of(source.frames(50))
    raw = source.frames(7, gaussian_beam(1500, angle=0.4))
    out, single = np.empty(raw.shape, np.float32), np.empty((1, *IMAGE_SHAPE), np.float32)
    features = clean(raw, profile, out).features
    for frame in range(7):
        np.testing.assert_array_equal(clean(raw[frame : frame + 1], profile, single).features[0], features[frame])
