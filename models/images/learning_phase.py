"""The first frames of a camera: judged by each other, since nothing is known yet, and learned as far as they agree."""

import numpy as np
from numpy.typing import NDArray

from models.images.beam_features import beam_vector
from models.images.frame_scores import RESIDUAL_ROWS, log_residual_scores
from models.images.latent_correction import LatentCorrection
from models.images.references import LATENT_SIZE, MOMENTS_FLOOR, References
from models.images.residual import Float32Array
from models.images.ripples import RIPPLE_BANDS
from models.records import IMAGE_SHAPE
from models.scoring.distance import central
from models.state import State

#: The first groups teach the maps and the correction only: without it, and with maps from few frames, scores are
#: larger.
FIRST_SCORED_FRAME = 128
# Learning frames are judged by the logarithms of their residual scores, which are at least this uncertain.
_LOG_SCORE_FLOOR = 0.1
# Should so many learning frames be odd that no tail can be fitted, learning goes on with the latest ones.
_MOST_FRAMES = 1024


class LearningPhase:
    """What the learning phase has gathered: the frames of the group that goes on, and small arrays of all before."""

    def __init__(self) -> None:
        self._held: list[Float32Array] = []
        self._vectors: list[NDArray[np.float64]] = []
        self._latents = np.zeros((0, LATENT_SIZE), np.float32)
        self._ripples = np.zeros((0, RIPPLE_BANDS))
        self._logs = np.zeros((0, RESIDUAL_ROWS))
        self._kept = np.zeros(0, np.bool_)

    def hold(self, cleaned: Float32Array, features: NDArray[np.float64]) -> None:
        """Take frames of the group that goes on; the odd ones among them are found at its end."""
        self._held.extend(cleaned.copy())
        self._vectors.append(beam_vector(features))

    def take_held(self, room: Float32Array) -> Float32Array:
        """The frames of the group that is complete, put into ``room``, float32, shape (n, 102, 128)."""
        frames = np.stack(self._held, out=room[: len(self._held)])
        self._held.clear()
        return frames

    def learn_group(
        self,
        cleaned: Float32Array,
        reconstruction: Float32Array,
        latent: Float32Array,
        references: References,
        correction: LatentCorrection,
        noise_counts: float,
    ) -> None:
        """Judge the held frames by each other and by all before, and teach the maps those that are not odd.

        Parameters
        ----------
        cleaned
            From ``take_held``.
        reconstruction, latent
            float32, shapes (n, 102, 128) and (n, 32): what the network says of them; the first is corrected in place.
        """
        maps, corrected = references.maps, correction.ready
        correction.correct(latent, reconstruction)
        first = not maps.ready
        if first:
            maps.start(cleaned, reconstruction, noise_counts)
        logs = log_residual_scores(maps.scores(cleaned, reconstruction)).T
        ripples = maps.ripples(cleaned, reconstruction)
        vectors = np.concatenate(self._vectors)
        self._vectors = [vectors]
        kept = central(logs, np.full(RESIDUAL_ROWS, _LOG_SCORE_FLOOR))
        kept &= central(vectors, MOMENTS_FLOOR)[-len(cleaned) :]
        if not first:
            maps.learn(cleaned, reconstruction, kept)
            maps.apply(noise_counts)
        if not corrected:
            logs[:] = ripples[:] = np.nan
            if not first:  # by maps of their own, odd frames are hard to tell
                correction.gather(latent[kept], (cleaned - reconstruction)[kept])
            if correction.complete:
                maps.correct(correction.fit())
        self._latents = np.concatenate([self._latents, latent])
        self._ripples = np.concatenate([self._ripples, ripples])
        self._logs = np.concatenate([self._logs, logs])
        self._kept = np.concatenate([self._kept, kept])

    def end(self, references: References, minimum_records: int) -> bool:
        """Set distances and tails from the frames learned; whether these are enough, else learning goes on."""
        vectors = np.concatenate(self._vectors)[self._kept]
        by_moments, moments = references.moments.start(vectors)
        by_latent, latent = references.latent.start(self._latents[self._kept])
        by_steps, steps = references.steps.start(vectors)
        by_ripples, ripples = self._start_ripples(references)
        usual = by_moments & by_latent & by_steps & by_ripples
        rows = [*self._logs[self._kept].T, *np.log([latent, moments, steps, ripples])]
        normal = [row[usual & np.isfinite(row)] for row in rows]
        ready = references.latent.ready and references.ripples.ready
        if min(map(len, normal)) >= minimum_records and ready:
            for tail, row in zip(references.tails, normal, strict=True):
                tail.learn(row)
                tail.refit()
            return True
        latest = slice(-_MOST_FRAMES, None)
        self._vectors = [np.concatenate(self._vectors)[latest]]
        self._latents, self._ripples = self._latents[latest], self._ripples[latest]
        self._logs, self._kept = self._logs[latest], self._kept[latest]
        return False

    def _start_ripples(self, references: References) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """As ``RollingDistance.start`` of the kept frames; the first ones have none that count, and no distance."""
        ripples = self._ripples[self._kept]
        some = np.isfinite(ripples).all(axis=1)
        kept, distances = np.ones(len(ripples), np.bool_), np.full(len(ripples), np.nan)
        if some.any():
            kept[some], distances[some] = references.ripples.start(ripples[some])
        return kept, distances

    def state(self) -> State:
        """All that later results depend on: up to 2 MB of frames."""
        return {
            "held": np.array(self._held, np.float32).reshape(-1, *IMAGE_SHAPE),
            "vectors": np.concatenate([np.zeros((0, len(MOMENTS_FLOOR))), *self._vectors]),
            "latents": self._latents,
            "ripples": self._ripples,
            "logs": self._logs,
            "kept": self._kept,
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._held = list(np.array(state["held"]))
        self._vectors = [np.array(state["vectors"])]
        self._latents, self._ripples = np.array(state["latents"]), np.array(state["ripples"])
        self._logs = np.array(state["logs"])
        self._kept = np.array(state["kept"])
