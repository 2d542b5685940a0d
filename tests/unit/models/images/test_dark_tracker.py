from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from models.images.dark_tracker import LONGEST_RUN, CleaningSettings, DarkTracker
from models.records import IMAGE_SHAPE
from models.state import decode_state, encode_state
from tests.unit.models.images.frames import FrameSource, gaussian_beam

BEAM = gaussian_beam(2500)


def run(tracker: DarkTracker, raw: NDArray[np.uint16], *, learn: bool = True) -> NDArray[np.bool_]:
    return tracker.clean(raw, np.empty(raw.shape, np.float32), learn=learn)[1]


@pytest.fixture
def source() -> FrameSource:
    return FrameSource(seed=11)


@pytest.fixture
def tracker() -> DarkTracker:
    return DarkTracker(CleaningSettings())


def started(source: FrameSource) -> DarkTracker:
    tracker = DarkTracker(CleaningSettings())
    run(tracker, np.concatenate([source.frames(50), source.frames(1, BEAM)]))
    assert tracker.profile is not None
    return tracker


def test_frames_before_the_first_beam_make_the_profile_that_its_first_beam_frame_uses(
    source: FrameSource, tracker: DarkTracker
) -> None:
    raw = np.concatenate([source.frames(20), source.frames(3, BEAM)])
    out = np.empty(raw.shape, np.float32)
    _, dark = tracker.clean(raw, out)
    assert dark.tolist() == [True] * 20 + [False] * 3
    profile = tracker.profile
    assert profile is not None
    assert profile.frames == 20
    np.testing.assert_allclose(profile.pedestal, raw[:20].mean(0), rtol=1e-6)
    expected = np.where(raw[20] > profile.threshold, raw[20] - profile.pedestal, 0)
    np.testing.assert_allclose(out[20], expected, rtol=1e-6)


def test_a_camera_that_starts_with_beam_gets_its_profile_from_the_first_long_dark_run(
    source: FrameSource, tracker: DarkTracker
) -> None:
    run(tracker, source.frames(40, BEAM))
    run(tracker, source.frames(49))
    run(tracker, source.frames(1, BEAM))
    assert tracker.profile is None
    assert run(tracker, source.frames(50)).all()
    assert not run(tracker, source.frames(1, BEAM)).any()
    assert tracker.profile is not None
    assert tracker.profile.frames == 50


def test_a_single_missing_beam_is_dark_at_once_and_leaves_the_profile(source: FrameSource) -> None:
    tracker = started(source)
    before = encode_state(tracker.state()["profile"])
    raw = source.frames(21, BEAM)
    raw[10] = source.frames(1)[0]
    assert np.flatnonzero(run(tracker, raw)).tolist() == [10]
    assert encode_state(tracker.state()["profile"]) == before


def test_a_long_dark_run_renews_the_profile(source: FrameSource) -> None:
    tracker = started(source)
    source.pedestal += 2.0  # half a sigma: it has warmed up
    run(tracker, source.frames(60))
    run(tracker, source.frames(1, BEAM))
    assert tracker.profile is not None
    assert tracker.profile.frames == 60
    assert float(np.median(tracker.profile.pedestal)) == pytest.approx(62.0, abs=0.2)


def test_a_run_at_another_level_is_dark_but_believed_only_when_long(source: FrameSource) -> None:
    tracker = started(source)
    source.pedestal += 40.0
    assert run(tracker, source.frames(100)).all()
    run(tracker, source.frames(1, BEAM))
    assert tracker.profile is not None
    assert tracker.profile.frames == 50
    assert run(tracker, source.frames(LONGEST_RUN)).all()
    assert tracker.profile.frames == LONGEST_RUN
    assert float(np.median(tracker.profile.pedestal)) == pytest.approx(100.0, abs=0.2)


def test_a_beam_too_faint_for_one_frame_does_not_become_the_pedestal(source: FrameSource) -> None:
    tracker = started(source)
    faint = gaussian_beam(3.2, width=20, height=15)
    dark = run(tracker, source.frames(200, faint))
    assert dark.any()
    run(tracker, source.frames(1, BEAM))
    assert tracker.profile is not None
    assert tracker.profile.frames == 50


def test_a_fading_beam_is_never_dark(source: FrameSource) -> None:
    tracker = started(source)
    for peak in (4000, 1000, 300, 100, 30, 12):
        assert not run(tracker, source.frames(10, gaussian_beam(peak))).any()


def test_saturated_frames_and_new_hot_pixels(source: FrameSource) -> None:
    tracker = started(source)
    saturated = np.full((2, *IMAGE_SHAPE), 4092, np.uint16)
    assert not run(tracker, saturated).any()
    source.pedestal.ravel()[source.rng.choice(13056, 20, replace=False)] += 1500
    assert run(tracker, source.frames(60)).all()
    run(tracker, source.frames(1, BEAM))
    assert tracker.profile is not None
    assert tracker.profile.defective.sum() == 20


def test_replacements_are_judged_without_learning(source: FrameSource) -> None:
    tracker = started(source)
    before = encode_state(tracker.state())
    assert run(tracker, source.frames(80), learn=False).all()
    assert not run(tracker, source.frames(3, BEAM), learn=False).any()
    assert encode_state(tracker.state()) == before


@pytest.mark.parametrize("seed", range(3))
def test_cuts_and_restarts_change_nothing(seed: int) -> None:
    source = FrameSource(seed=seed)
    pieces = [
        source.frames(18),
        source.frames(30, BEAM),
        source.frames(1),
        source.frames(5, BEAM),
        source.frames(300),
        source.frames(20, gaussian_beam(100)),
        source.frames(55),
        source.frames(10, BEAM),
    ]
    raw = np.concatenate(pieces)
    whole, expected_out = DarkTracker(CleaningSettings()), np.empty(raw.shape, np.float32)
    expected, expected_dark = whole.clean(raw, expected_out)
    rng = np.random.default_rng(seed)
    cuts = np.unique(np.concatenate([[0, len(raw)], rng.integers(0, len(raw), 15)]))
    tracker = DarkTracker(CleaningSettings())
    for start, stop in pairwise(cuts.tolist()):
        out = np.empty((stop - start, *IMAGE_SHAPE), np.float32)
        cleaned, dark = tracker.clean(raw[start:stop], out)
        np.testing.assert_array_equal(out, expected_out[start:stop])
        np.testing.assert_array_equal(dark, expected_dark[start:stop])
        np.testing.assert_array_equal(cleaned.features, expected.features[start:stop])
        np.testing.assert_array_equal(cleaned.frame_hash, expected.frame_hash[start:stop])
        saved = encode_state(tracker.state())
        tracker = DarkTracker(CleaningSettings())
        tracker.restore(decode_state(saved))
    assert encode_state(tracker.state()) == encode_state(whole.state())
    assert len(encode_state(tracker.state())) < 220_000


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="noise_probability"):
        CleaningSettings(noise_probability=0.0)
    with pytest.raises(ValueError, match="first_run_frames"):
        CleaningSettings(dark_run_frames=500)
