"""The table from levels to coefficients, searched on validation pictures."""

from collections.abc import Callable, Sequence

import numpy as np

COEFFICIENTS = tuple(np.round(np.arange(-0.2, 1.25, 0.1), 2).tolist())


def search_table(
    psnr_at: Callable[[float, float], float],
    levels: Sequence[float],
    rising: bool,
    coefficients: Sequence[float] = COEFFICIENTS,
) -> tuple[list[list[float]], list[float], list[list[float]]]:
    """Returns the monotone table of the highest mean PSNR over the levels.

    Args:
        psnr_at: ``(level, coefficient) -> PSNR in dB`` on pictures of that level.
        levels: In ascending order, at least 2.
        rising: Whether the coefficient rises with the level; else it falls.
        coefficients: Candidates, in ascending order.

    Returns:
        Points ``[level, coefficient]``, the candidates, and all PSNR as rows a level.
    """
    scores = np.array([[psnr_at(level, c) for c in coefficients] for level in levels])
    ordered = scores if rising else scores[:, ::-1]
    # best[i, j]: the highest sum over the levels up to i with candidate j for level i.
    best = ordered.copy()
    for row in range(1, len(best)):
        best[row] += np.maximum.accumulate(best[row - 1])
    chosen, end = [], len(coefficients)
    for row in best[::-1]:
        chosen.append(int(np.argmax(row[:end])))
        end = chosen[-1] + 1
    candidates = list(coefficients) if rising else list(coefficients)[::-1]
    table = [
        [float(level), float(candidates[index])]
        for level, index in zip(levels, chosen[::-1], strict=True)
    ]
    return table, [float(c) for c in coefficients], scores.tolist()
