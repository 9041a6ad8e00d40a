"""TF-Serving's API on one machine."""
