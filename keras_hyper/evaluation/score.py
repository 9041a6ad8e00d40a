"""Scores of pictures against clean ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from keras_hyper.metrics import lpips, lpips_network, luma, ms_ssim, psnr, psnr_b, ssim


@dataclass(frozen=True)
class Metric:
    """A metric.

    Args:
        of: ``(clean, restored) -> (batch,)``, pictures ``(batch, height, width, channels)`` in
            [0, 1].
        plane: The plane it is measured on: that of ``"psnr"`` or ``"ssim"`` (see `Scoring`), or
            the whole ``"picture"``.
        heading: Its heading in tables.
        digits: Decimals in tables.
        prepare: Raises a ValueError if it cannot be measured.
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


def checked_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """Returns keys of `METRICS`, PSNR and SSIM first: plots and rows always have these two.

    Args:
        names: Keys, in which ``-`` may stand for ``_``.

    Raises:
        ValueError: If a metric is unknown or cannot be measured.
    """
    keys = [name.replace("-", "_") for name in names]
    for key in keys:
        if key not in METRICS:
            raise ValueError(f"expected metrics of {', '.join(METRICS)}, got {key}")
        METRICS[key].prepare()
    return tuple(dict.fromkeys(("psnr", "ssim", *keys)))


@dataclass(frozen=True)
class Scoring:
    """Metrics, and the pixels that they are measured on.

    Args:
        metrics: Keys of `METRICS`.
        psnr_on: Plane of PSNR and PSNR-B: ``"picture"``, ``"luma"`` or ``"exact luma"``.
        ssim_on: Plane of SSIM and MS-SSIM, likewise.
        border: Number of pixels on each side that are not measured.
    """

    metrics: tuple[str, ...] = ("psnr", "ssim")
    psnr_on: str = "picture"
    ssim_on: str = "picture"
    border: int = 0

    def figures(self, clean: np.ndarray, others: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """Scores pictures against one clean picture.

        Args:
            clean: float32 ``(height, width, channels)`` in [0, 1].
            others: Pictures of that shape; they are not rounded.

        Returns:
            The figures of each, by the metrics' names.

        Raises:
            ValueError: If the picture is too small for a metric.
        """
        kinds = {"psnr": self.psnr_on, "ssim": self.ssim_on, "picture": "picture"}
        border, (height, width) = self.border, clean.shape[:2]
        if min(height, width) <= 2 * border:
            raise ValueError(
                f"expected sides above {2 * border} pixels, twice the border, "
                f"got {width}x{height} pixels"
            )
        inside = np.s_[:, border : height - border, border : width - border]
        batches = [clean[None][inside], np.stack(others)[inside]]
        planes = {
            kind: [np.asarray(_PLANES[kind](batch)) for batch in batches]
            for kind in {*kinds.values()}
        }
        columns = [METRICS[name].of(*planes[kinds[METRICS[name].plane]]) for name in self.metrics]
        return [
            dict(zip(self.metrics, map(float, row), strict=True))
            for row in np.stack(columns, axis=1)
        ]


def rounded(picture: np.ndarray) -> np.ndarray:
    """Returns a picture clipped to [0, 1] and rounded to multiples of 1/255, as bytes are."""
    samples = np.clip(picture, 0.0, 1.0, dtype=np.float32)
    samples *= 255
    np.rint(samples, out=samples)
    samples /= 255
    return samples


def score(clean: np.ndarray, other: np.ndarray, on_luma: bool = False) -> tuple[float, float]:
    """Returns PSNR in dB and SSIM of one picture ``(height, width, channels)`` in [0, 1].

    Args:
        clean: The reference.
        other: The picture to score; it is clipped and rounded to 8 bits first.
        on_luma: Whether PSNR is of the luma (16-235) instead of all channels.
    """
    scoring = Scoring(psnr_on="luma" if on_luma else "picture")
    figures = scoring.figures(clean, [rounded(other)])[0]
    return figures["psnr"], figures["ssim"]
