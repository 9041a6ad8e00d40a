"""How a picture is scored against the clean one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from keras_hyper.metrics import lpips, lpips_network, luma, ms_ssim, psnr, psnr_b, ssim


@dataclass(frozen=True)
class Metric:
    """One figure of a picture.

    Args:
        of: ``(clean, restored) -> (batch,)``, pictures ``(batch, height, width, channels)`` in
            [0, 1].
        plane: Whose plane it is measured on: ``"psnr"`` or ``"ssim"`` (see `Scoring`), or
            ``"picture"``.
        heading: What tables call it.
        digits: Behind the point, in tables.
        prepare: Fails with a ValueError where it cannot be measured.
    """

    of: Callable
    plane: str
    heading: str
    digits: int
    prepare: Callable = lambda: None


METRICS = {
    "psnr": Metric(psnr, "psnr", "PSNR", 2),
    "ssim": Metric(ssim, "ssim", "SSIM", 3),
    "ms_ssim": Metric(ms_ssim, "ssim", "MS-SSIM", 4),
    "psnr_b": Metric(psnr_b, "psnr", "PSNR-B", 2),
    "lpips": Metric(lpips, "picture", "LPIPS", 4, lpips_network),
}

_PLANES = {
    "picture": lambda picture: picture,
    "luma": luma,
    "exact luma": lambda picture: luma(picture, rounded=False),
}


@dataclass(frozen=True)
class Scoring:
    """What is measured, and on which pixels.

    Args:
        metrics: Keys of `METRICS`.
        psnr_on: Plane of PSNR and PSNR-B: ``"picture"``, ``"luma"`` or ``"exact luma"``.
        ssim_on: Plane of SSIM and MS-SSIM, the same words.
        border: Pixels on each side that do not count.
    """

    metrics: tuple[str, ...] = ("psnr", "ssim")
    psnr_on: str = "picture"
    ssim_on: str = "picture"
    border: int = 0

    def figures(self, clean: np.ndarray, others: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """Scores pictures against one clean picture.

        Args:
            clean: float32 ``(height, width, channels)`` in [0, 1].
            others: Pictures of that shape, as they are: round what stands for bytes first.

        Returns:
            The figures of each, by the metrics' names.

        Raises:
            ValueError: If the picture is too small for a metric.
        """
        kinds = {"psnr": self.psnr_on, "ssim": self.ssim_on, "picture": "picture"}
        first, rest = (self._inside(batch) for batch in (clean[None], np.stack(others)))
        planes = {
            kind: [np.asarray(_PLANES[kind](batch)) for batch in (first, rest)]
            for kind in {*kinds.values()}
        }
        columns = [METRICS[name].of(*planes[kinds[METRICS[name].plane]]) for name in self.metrics]
        return [
            dict(zip(self.metrics, map(float, row), strict=True))
            for row in np.stack(columns, axis=1)
        ]

    def _inside(self, pictures):
        height, width = pictures.shape[1:3]
        if min(height, width) <= 2 * self.border:
            raise ValueError(
                f"expected sides above {2 * self.border} pixels, as the border does not count, "
                f"got {width}x{height} pixels"
            )
        return pictures[:, self.border : height - self.border, self.border : width - self.border]


def rounded(picture: np.ndarray) -> np.ndarray:
    """Returns a restored picture as bytes would hold it: clipped to [0, 1], multiples of 1/255."""
    samples = np.clip(picture, 0.0, 1.0, dtype=np.float32)
    samples *= 255
    np.rint(samples, out=samples)
    samples /= 255
    return samples


def score(clean: np.ndarray, other: np.ndarray, on_luma: bool = False) -> tuple[float, float]:
    """Returns PSNR in dB and SSIM of one picture ``(height, width, channels)`` in [0, 1].

    Args:
        clean: What it should be.
        other: What it is; it is clipped and rounded to 8 bits first.
        on_luma: Whether PSNR is that of the luma (16-235) instead of all channels.
    """
    scoring = Scoring(psnr_on="luma" if on_luma else "picture")
    figures = scoring.figures(clean, [rounded(other)])[0]
    return figures["psnr"], figures["ssim"]
