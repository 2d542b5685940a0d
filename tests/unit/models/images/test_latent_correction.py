"""The linear correction: what it learns, what it leaves alone, and that nothing but the frame itself decides."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import FatalError
from models.images.latent_correction import FITTED_FRAMES, LatentCorrection
from models.records import IMAGE_SHAPE
from models.state import decode_state, encode_state

SIZE = 32
_ROWS, _COLUMNS = np.indices(IMAGE_SHAPE)
PATTERN = (50.0 * np.exp(-((_ROWS - 50) ** 2 + (_COLUMNS - 60) ** 2) / 200.0)).astype(np.float32)


def frames(count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Latent vectors, and residuals that hold a pattern as strong as the first component, and noise."""
    random = np.random.default_rng(seed)
    latent = (5.0 + random.normal(0.0, 1.0, (count, SIZE))).astype(np.float32)
    noise = random.normal(0.0, 3.0, (count, *IMAGE_SHAPE)).astype(np.float32)
    return latent, noise + (latent[:, 0] - 5.0)[:, np.newaxis, np.newaxis] * PATTERN


def learned() -> LatentCorrection:
    correction = LatentCorrection(SIZE)
    for seed in range(-(-FITTED_FRAMES // 32)):
        assert not correction.complete
        correction.gather(*frames(32, seed))
    correction.fit()
    return correction


def corrected(correction: LatentCorrection, latent: NDArray[np.float32]) -> NDArray[np.float32]:
    reconstruction = np.zeros((len(latent), *IMAGE_SHAPE), np.float32)
    correction.correct(latent, reconstruction)
    return reconstruction


def test_a_residual_that_goes_with_the_latent_vector_is_corrected() -> None:
    latent, residual = frames(32, seed=99)
    latent[:, 0] = np.clip(latent[:, 0], 3.0, 7.0)  # within the limits
    residual = frames(32, seed=99)[1] * 0.0 + (latent[:, 0] - 5.0)[:, np.newaxis, np.newaxis] * PATTERN
    left = residual - corrected(learned(), latent)
    assert left.std() < 0.5 * residual.std()


def test_a_latent_vector_far_off_is_corrected_no_more_than_a_normal_one() -> None:
    correction, usual = learned(), np.full((3, SIZE), 5.0, np.float32)
    usual[:, 0] += np.array([3.0, 30.0, -30.0], np.float32)
    near, far, below = corrected(correction, usual)[:, 50, 60]
    assert 0.6 * 3.0 * 50.0 * 2.5 / 3.0 < near <= far < 1.6 * near
    assert below < 0.0


def test_before_it_is_learned_nothing_is_corrected() -> None:
    assert not corrected(LatentCorrection(SIZE), frames(3)[0]).any()


def test_a_frame_is_corrected_the_same_alone_and_among_others() -> None:
    correction, (latent, _) = learned(), frames(20, seed=7)
    together = corrected(correction, latent)
    for place in (0, 7, 19):
        np.testing.assert_array_equal(corrected(correction, latent[place : place + 1])[0], together[place])


def test_a_constant_latent_vector_gives_no_correction() -> None:
    correction = LatentCorrection(SIZE)
    for seed in range(4):
        latent, residual = frames(32, seed)
        latent[:] = 5.0
        correction.gather(latent, residual)
    correction.fit()
    assert not corrected(correction, latent).any()


def test_a_latent_vector_that_is_not_finite_shows_in_its_own_frame_only() -> None:
    latent, _ = frames(2)
    latent[1, 3] = np.nan
    sound, spoiled = corrected(learned(), latent)
    assert np.isfinite(sound).all()
    assert not np.isfinite(spoiled).all()


@pytest.mark.parametrize("groups", [0, 2, 4])
def test_a_saved_correction_goes_on_bit_for_bit(groups: int) -> None:
    correction, again = LatentCorrection(SIZE), LatentCorrection(SIZE)
    for seed in range(groups):
        correction.gather(*frames(32, seed))
    if correction.complete:
        correction.fit()
    again.restore(decode_state(encode_state(correction.state())))
    for one in (correction, again):
        if not one.ready:
            for seed in range(groups, 4):
                one.gather(*frames(32, seed))
            one.fit()
    latent, _ = frames(5, seed=20)
    np.testing.assert_array_equal(corrected(correction, latent), corrected(again, latent))


def test_a_saved_correction_of_another_size_is_refused() -> None:
    with pytest.raises(FatalError, match="another size"):
        LatentCorrection(8).restore(learned().state())
