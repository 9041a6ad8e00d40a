"""Published figures, each with its protocol and its source."""

import itertools
from dataclasses import dataclass

from keras_hyper.evaluation.tables import Published


@dataclass(frozen=True)
class PaperTable:
    """One of Tables 1 to 3 of the paper.

    Args:
        number: Number of the table.
        task: Name of the task.
        pictures: The test set.
        count: Number of its pictures.
        levels: The columns.
        psnr: Rows ``baseline`` (one network per level) and ``ours`` (one for all
            levels), dB.
        ssim: The same rows.
        means: The last column as printed; it is the mean of the others, truncated.
        cresmd: Mean PSNR of CResMD in Table 4.
        figure: Number of the figure that compares small networks.
        blocks: Blocks of its small network, from the percentages of parameters printed there.
        note: A remark for the reader.
    """

    number: int
    task: str
    pictures: str
    count: int
    levels: tuple[float, ...]
    psnr: dict[str, tuple[float, ...]]
    ssim: dict[str, tuple[float, ...]]
    means: dict[str, float]
    cresmd: float
    figure: int
    blocks: int
    note: str = ""


# Aharon and Ben-Artzi, arXiv:2206.05970, Tables 1 to 4.
PAPER = {
    table.task: table
    for table in (
        PaperTable(
            1,
            "dejpeg",
            "LIVE1",
            29,
            (10.0, 30.0, 50.0, 70.0, 80.0),
            {
                "baseline": (28.82, 32.57, 34.40, 36.40, 38.14),
                "ours": (28.81, 32.56, 34.39, 36.38, 38.09),
            },
            {"baseline": (0.82, 0.91, 0.94, 0.96, 0.97), "ours": (0.82, 0.91, 0.94, 0.96, 0.97)},
            {"baseline": 34.06, "ours": 34.04},
            32.9,
            2,
            1,
        ),
        PaperTable(
            2,
            "denoise",
            "CBSD68",
            68,
            (5.0, 25.0, 45.0, 65.0, 90.0),
            {
                "baseline": (40.48, 31.42, 28.64, 27.06, 25.73),
                "ours": (40.39, 31.40, 28.51, 27.06, 25.73),
            },
            {"baseline": (0.98, 0.89, 0.81, 0.76, 0.71), "ours": (0.98, 0.89, 0.81, 0.76, 0.71)},
            {"baseline": 30.66, "ours": 30.61},
            28.80,
            3,
            4,
            "The paper heads its last SSIM column 85 and its last PSNR column 90.",
        ),
        PaperTable(
            3,
            "sr",
            "Set5",
            5,
            (2.0, 3.0, 4.0, 5.0, 6.0),
            {
                "baseline": (36.95, 29.86, 29.54, 25.67, 25.06),
                "ours": (36.71, 29.77, 29.48, 25.63, 24.92),
            },
            {"baseline": (0.94, 0.84, 0.84, 0.74, 0.71), "ours": (0.94, 0.84, 0.83, 0.74, 0.71)},
            {"baseline": 29.41, "ours": 29.30},
            28.71,
            4,
            2,
            "At factors 3, 5 and 6 this protocol shifts the content by up to two pixels, which "
            "affects the figures as much as restoration does.",
        ),
    )
}

# Parameters of the compared networks, in millions, printed in section 4.2.
COMPARED_PARAMETERS = {"AdaFM": 1.41, "CFSNet": 1.73}


@dataclass(frozen=True)
class Mark:
    """Published PSNR of another method, dB by level, under one protocol and on one set."""

    method: str
    task: str
    protocol: str
    pictures: str
    psnr: dict[float, float]
    source: str


_RESTORMER = "as reprinted in Restormer, arXiv:2111.09881, colour denoising, CBSD68"
_DNCNN = "README of github.com/cszn/DnCNN"

# Only figures of the same protocol are compared with ours; these are all of the literature's.
MARKS = (
    Mark("IRCNN", "denoise", "literature", "CBSD68",
         {15.0: 33.86, 25.0: 31.16, 50.0: 27.86}, _RESTORMER),
    Mark("FFDNet", "denoise", "literature", "CBSD68",
         {15.0: 33.87, 25.0: 31.21, 50.0: 27.96}, _RESTORMER),
    Mark("DRUNet", "denoise", "literature", "CBSD68",
         {15.0: 34.30, 25.0: 31.69, 50.0: 28.51}, _RESTORMER),
    Mark("AR-CNN", "dejpeg", "literature", "LIVE1",
         {10.0: 28.96, 20.0: 31.29, 30.0: 32.67, 40.0: 33.63}, _DNCNN),
    Mark("DnCNN-3", "dejpeg", "literature", "LIVE1",
         {10.0: 29.19, 20.0: 31.59, 30.0: 32.98, 40.0: 33.96}, _DNCNN),
    Mark("AR-CNN", "dejpeg", "literature", "Classic5",
         {10.0: 29.03, 20.0: 31.15, 30.0: 32.51, 40.0: 33.34}, _DNCNN),
    Mark("DnCNN-3", "dejpeg", "literature", "Classic5",
         {10.0: 29.40, 20.0: 31.63, 30.0: 32.91, 40.0: 33.77}, _DNCNN),
    Mark("VDSR", "sr", "literature", "Set5", {2.0: 37.56, 3.0: 33.67, 4.0: 31.35}, _DNCNN),
    Mark("DnCNN-3", "sr", "literature", "Set5", {2.0: 37.58, 3.0: 33.75, 4.0: 31.40}, _DNCNN),
)  # fmt: skip


def marks_for(task: str, protocol: str, pictures: str) -> list[Mark]:
    """Returns the figures published under this protocol on this set."""
    wanted = (task, protocol, pictures)
    return [mark for mark in MARKS if (mark.task, mark.protocol, mark.pictures) == wanted]


def paper_for(task: str, protocol: str, pictures: str) -> PaperTable | None:
    """Returns the paper's table, if it has this protocol and set."""
    table = PAPER.get(task)
    return table if table and protocol == "paper" and table.pictures == pictures else None


def published_points(task: str, protocol: str, pictures: str) -> list[Published]:
    """Returns the published points for a plot of this task, protocol and set."""
    points = []
    table = paper_for(task, protocol, pictures)
    if table:
        for key, label, marker in (("baseline", "one network per level", "+"),
                                   ("ours", "one network for all levels", "x")):  # fmt: skip
            points.append(Published(f"paper: {label}", table.levels, table.psnr[key], marker))
    marks = marks_for(task, protocol, pictures)
    for mark, marker in zip(marks, itertools.cycle("^sDv*P"), strict=False):
        levels, psnr = zip(*mark.psnr.items(), strict=True)
        points.append(Published(f"{mark.method} (published)", levels, psnr, marker))
    return points
