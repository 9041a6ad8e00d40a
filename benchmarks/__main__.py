"""All benchmarks as tables: `python -m benchmarks [NAME ...]`."""

import argparse
import importlib

NAMES = (
    "network", "engines", "training_step", "pipeline", "memory", "degradation", "serving",
    "serving_memory",
    "evaluation", "paper.jpeg_traces",
)  # fmt: skip


def main() -> None:
    """Runs those that are named, or all."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], default=[], metavar="NAME")
    # Before TensorFlow: it silences messages about a missing GPU.
    importlib.import_module("keras_hyper")
    for name in parser.parse_args().names or NAMES:
        importlib.import_module(f"benchmarks.{name}").run()


if __name__ == "__main__":
    main()
