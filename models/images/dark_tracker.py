"""Frame by frame: is there beam, which dark profile holds, and the cleaned image.

A frame is dark when nothing in it rises above its own border, after the known pedestal is taken off
(``border.is_dark``). That verdict is immediate: a beam that goes missing is found in its first frame. The profile is
slower. It is made from the frames before the first beam, and renewed by runs of dark frames; a run takes effect when it
ends, or when it has 256 frames, so by counts alone. A run of less than ``dark_run_frames``, or one that does not fit
the level and the noise of the known profile, changes nothing; 256 dark frames in a row are believed even so: then the
camera's own settings have changed, and no shorter run would ever fit again.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.images.border import HISTOGRAM_BINS, is_dark
from models.images.cleaning import CleanedFrames, clean, clean_by_border
from models.images.dark_profile import DarkProfile, profile_from_state, profile_from_sums
from models.records import IMAGE_SHAPE
from models.state import State

#: A run takes effect at the latest with this many frames: the sums of their squares just fit into 32 bits.
LONGEST_RUN = 256

_LARGEST_DARK_COUNTS = 4095
# So many bright pixels (an eighth of the full scale) are a beam without a closer look.
_BRIGHT_PIXELS = 64
# A run fits the known profile within these limits, in sigmas of a pixel and as a ratio of the noise.
_LEVEL_LIMIT_SIGMAS = 2.0
_NOISE_RATIO_LIMIT = 2.0
_SHAPE_LIMIT_SIGMAS = 0.5
_CAP_SIGMAS = 6.0
_BLOCK = (6, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningSettings:
    """How camera images are cleaned.

    Attributes
    ----------
    noise_probability
        A pixel whose value belongs to its noise with a probability above this becomes zero.
    dark_run_frames
        So many dark frames in a row renew the dark profile.
    first_run_frames
        So many are enough before a camera's first beam.
    """

    noise_probability: float = 1e-6
    dark_run_frames: int = 50
    first_run_frames: int = 16

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 1e-12 <= self.noise_probability <= 0.1:
            raise ValueError("noise_probability must be between 1e-12 and 0.1")
        if not 8 <= self.first_run_frames <= self.dark_run_frames <= LONGEST_RUN:
            raise ValueError(f"8 <= first_run_frames <= dark_run_frames <= {LONGEST_RUN} must hold")


class DarkTracker:
    """The dark profile of one camera, learned from its frames in order; the cut into blocks changes nothing."""

    def __init__(self, settings: CleaningSettings) -> None:
        self._settings = settings
        self._profile: DarkProfile | None = None
        self._seen_beam = False
        self._run = _DarkRun()
        self._histogram = np.empty(HISTOGRAM_BINS, np.int32)
        self._set_reference()

    @property
    def profile(self) -> DarkProfile | None:
        """The profile in force; None until there were enough dark frames."""
        return self._profile

    def clean(
        self, raw: NDArray[np.uint16], out: NDArray[np.float32], *, learn: bool = True
    ) -> tuple[CleanedFrames, NDArray[np.bool_]]:
        """Judge and clean frames in the order of their event times.

        Parameters
        ----------
        raw
            uint16, shape (n, 102, 128), counts, C order: valid frames only.
        out
            float32, shape (n, 102, 128): where the cleaned images go, counts above the pedestal, >= 0.
        learn
            False for records that replace earlier ones: the profile and all state stay as they are.

        Returns
        -------
        tuple
            The features, and bool, shape (n,): which frames are dark.
        """
        dark = np.zeros(len(raw), np.bool_)
        cleaned = self._clean(raw, out)
        start = self._judge(raw, cleaned, dark, 0, learn=learn)
        while start < len(raw):  # the profile has changed: clean again from there on
            cleaned.replace_from(start, self._clean(raw[start:], out[start:]))
            start = self._judge(raw, cleaned, dark, start, learn=learn)
        return cleaned, dark

    def _clean(self, raw: NDArray[np.uint16], out: NDArray[np.float32]) -> CleanedFrames:
        if self._profile is None:
            return clean_by_border(raw, self._settings.noise_probability, out)
        return clean(raw, self._profile, out)

    def _judge(
        self, raw: NDArray[np.uint16], cleaned: CleanedFrames, dark: NDArray[np.bool_], start: int, *, learn: bool
    ) -> int:
        """Judge from ``start`` to the end or to the first frame that is to be cleaned with a new profile."""
        bright = cleaned.bright_pixels >= _BRIGHT_PIXELS
        if bright[start:].all() and self._run.frames == 0:
            self._seen_beam |= learn and len(bright) > start
            return len(raw)
        for frame in range(start, len(raw)):
            dark[frame] = not bright[frame] and is_dark(raw[frame], self._pedestal, self._defective, self._histogram)
            if learn and self._learn(raw[frame], dark=bool(dark[frame])):
                return frame + 1 if dark[frame] else frame
        return len(raw)

    def _learn(self, image: NDArray[np.uint16], *, dark: bool) -> bool:
        """Whether the profile has changed: after this frame if it is dark, with it if it is not."""
        if dark:
            self._run.add(image)
            return self._run.frames == LONGEST_RUN and self._end_run()
        ended = self._run.frames > 0 and self._end_run()
        self._seen_beam = True
        return ended

    def _end_run(self) -> bool:
        settings, run = self._settings, self._run
        first = self._profile is None and not self._seen_beam
        long_enough = run.frames >= (settings.first_run_frames if first else settings.dark_run_frames)
        changed = False
        if long_enough:
            profile = profile_from_sums(run.sums, run.squares, run.frames, settings.noise_probability)
            changed = self._profile is None or run.frames == LONGEST_RUN or fits(profile, self._profile)
            if changed:
                self._profile = profile
                self._set_reference()
        self._run = _DarkRun()
        return changed

    def _set_reference(self) -> None:
        profile = self._profile
        self._saved_profile: State | None = None
        self._pedestal = np.zeros(IMAGE_SHAPE, np.float32) if profile is None else profile.pedestal
        self._defective = np.zeros(IMAGE_SHAPE, np.bool_) if profile is None else profile.defective

    def state(self) -> State:
        """All that later frames depend on: about 70 kB, and 105 kB more while a dark run goes on."""
        if self._saved_profile is None and self._profile is not None:
            self._saved_profile = self._profile.state()
        return {
            "profile": self._saved_profile,
            "seen_beam": self._seen_beam,
            "run": self._run.state(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._profile = None if state["profile"] is None else profile_from_state(state["profile"])
        self._seen_beam = bool(state["seen_beam"])
        self._run = _DarkRun()
        self._run.restore(state["run"])
        self._set_reference()


class _DarkRun:
    """Exact sums over the dark frames of the run that goes on."""

    def __init__(self) -> None:
        self.frames = 0
        self.sums = np.zeros((0, 0), np.uint32)
        self.squares = self.sums

    def add(self, image: NDArray[np.uint16]) -> None:
        if self.frames == 0:
            self.sums, self.squares = np.zeros(IMAGE_SHAPE, np.uint32), np.zeros(IMAGE_SHAPE, np.uint32)
        _add_frame(image, self.sums, self.squares)
        self.frames += 1

    def state(self) -> State:
        return {"frames": self.frames, "sums": self.sums.copy(), "squares": self.squares.copy()}

    def restore(self, state: State) -> None:
        self.frames, self.sums, self.squares = int(state["frames"]), state["sums"].copy(), state["squares"].copy()


@kernel()
def _add_frame(image: NDArray[np.uint16], sums: NDArray[np.uint32], squares: NDArray[np.uint32]) -> None:
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            value = min(np.uint32(image[y, x]), np.uint32(_LARGEST_DARK_COUNTS))
            sums[y, x] += value
            squares[y, x] += value * value


def fits(run: DarkProfile, known: DarkProfile) -> bool:
    """Whether a run's level, noise and shape are those of the known profile.

    The shape is compared in blocks of 48 pixels: a beam too faint for a single frame would show here.
    """
    good = ~(run.defective | known.defective)
    if not good.any():
        return False
    noise = float(np.median(known.sigma[good]))
    noise = max(noise, float(np.sqrt(1.0 / 12.0)))
    ratio = max(float(np.median(run.sigma[good])), 1e-9) / noise
    difference = np.where(good, run.pedestal - known.pedestal, np.float32(np.nan))
    shift = float(np.nanmedian(difference))
    if abs(shift) > _LEVEL_LIMIT_SIGMAS * noise or not ratio <= _NOISE_RATIO_LIMIT:
        return False
    capped = np.nan_to_num(np.clip((difference - shift) / noise, -_CAP_SIGMAS, _CAP_SIGMAS), nan=0.0)
    rows, columns = IMAGE_SHAPE[0] // _BLOCK[0], IMAGE_SHAPE[1] // _BLOCK[1]
    blocks = capped.reshape(rows, _BLOCK[0], columns, _BLOCK[1]).mean(axis=(1, 3))
    return bool(np.abs(blocks).max() <= _SHAPE_LIMIT_SIGMAS)
