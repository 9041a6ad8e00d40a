"""The `keras-hyper` command: one thin module a sub-command."""

import importlib

from keras_hyper.cli.one_line import OneLineParser, run

COMMANDS = {
    "restore": "restore a file or a folder of pictures",
    "estimate": "tell the level of pictures: sigma of noise, quality of what was a JPEG",
    "evaluate": "measure PSNR and SSIM per level as the paper does",
    "report": "print the paper's tables and figures, ours beside them",
    "card": "write a model's card: figures at every level, and what it does where nothing is wrong",
    "evaluate-estimator": "measure how well an estimator tells the level of noise",
    "calibrate": "find the level that restores each picture best",
    "export": "write a SavedModel for TF-Serving, or an ONNX file; or the network of one level",
    "serve": "serve SavedModels over TF-Serving's API, gRPC and REST",
    "demo": "open the page with the slider",
    "page": "write the page with the slider for a static host: the browser restores",
    "convert": "turn a checkpoint of the authors' PyTorch code into a .keras file",
}


def main(argv: list[str] | None = None) -> int:
    """Runs one sub-command.

    Args:
        argv: The arguments without the program's name; by default those of the process.

    Returns:
        0 when done, 1 when the job failed, 130 when interrupted. Wrong arguments exit with 2.
    """
    parser = OneLineParser(prog="keras-hyper", description="Adaptive image restoration.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        module = importlib.import_module(f"keras_hyper.cli.{name.replace('-', '_')}")
        command = commands.add_parser(name, help=summary, description=module.__doc__)
        module.add_arguments(command)
        command.add_argument("--debug", action="store_true", help="show the whole traceback")
        command.set_defaults(job=module.job)
    args = parser.parse_args(argv)
    return run(parser.prog, lambda: args.job(args), debug=args.debug)
