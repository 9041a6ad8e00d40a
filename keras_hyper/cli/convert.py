"""Turns a checkpoint of the authors' PyTorch code into a .keras file that answers the same."""

import argparse
from pathlib import Path

from keras_hyper.errors import WrongArgumentError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``keras-hyper convert``."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT.pth", type=Path, help="the authors' file")
    parser.add_argument("out", metavar="OUT.keras", type=Path, help="the file to write")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def job(args: argparse.Namespace) -> None:
    """Converts, and says what came out."""
    if not args.checkpoint.is_file():
        raise WrongArgumentError(f"expected a checkpoint; no such file: {args.checkpoint}")
    if args.out.suffix != ".keras":
        raise WrongArgumentError(f"expected an output that ends in .keras, got {args.out}")
    if args.out.exists() and not args.force:
        raise WrongArgumentError(f"{args.out} exists (--force replaces it)")
    from keras_hyper.models.convert import load_checkpoint
    from keras_hyper.training import save_whole

    model = load_checkpoint(args.checkpoint)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_whole(model, args.out)
    levels = " ".join(f"{level:g}" for level in model.levels) or "unknown"
    print(
        f"{args.out}: {model.blocks} block{'s' * (model.blocks != 1)}, {model.channels} channels, "
        f"{model.count_params():,} parameters, trained at levels {levels}"
    )
