"""Evaluation of restorers: metrics per picture and level, tables, plots."""

from keras_hyper.evaluation.measure import Job, measure
from keras_hyper.evaluation.score import METRICS, Scoring, rounded, score
from keras_hyper.evaluation.tables import level_rows, mean_row

__all__ = ["METRICS", "Job", "Scoring", "level_rows", "mean_row", "measure", "rounded", "score"]
