"""The tables, figures and model cards of the paper's protocols."""
