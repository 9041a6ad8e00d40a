"""Trains one network for all levels: `python train.py --task denoise --data PHOTOS`."""

import sys
from functools import partial

from keras_hyper.cli import one_line, train_arguments
from keras_hyper.errors import checked
from keras_hyper.training import run_folder


def main(argv: list[str] | None = None) -> int:
    """Trains as the arguments say; returns the exit status."""
    args = train_arguments.parse(argv)
    return one_line.run("train.py", lambda: train(args), debug=args.debug)


def train(args) -> None:
    """Joins task, network and pairs, fits, saves, exports."""
    from rich.console import Console

    import pipelines
    from keras_hyper import training
    from keras_hyper.models.load import start_of
    from keras_hyper.training import report as train_report

    console, task = Console(), pipelines.get_task(args.task)
    goal = training.GOALS[task.objective]
    start = start_of(args, task)
    recipe = checked(lambda: goal.recipe(args.recipe)).with_rate(args.rate)
    levels = checked(lambda: pipelines.parse_levels(args.levels, task, args.num_levels))
    batch, patch = args.batch or recipe.batch, args.patch or recipe.patch
    paths, held_out, watched = checked(lambda: pipelines.split(args.data, args.valid))
    model = None if args.resume else goal.new_model(recipe, task, levels, args)
    if model and start:
        checked(partial(training.begin_with, model, start))
    settings = {**vars(args), "levels": str(levels), "batch": batch, "patch": patch}
    folder = run_folder.open_run(args.out / args.task, settings, args.resume)
    facts = run_folder.fixed(settings)
    run = training.Run(folder, args.steps, args.every, levels.names(), facts, args.profile, goal)

    trainer = training.new_trainer(model, recipe, run) if model else training.load_trainer(run)
    budget = int(args.memory * 2**30)
    cache = pipelines.load_patch_cache(
        paths, task, levels, args.channels, patch, budget, args.shrink or ()
    )
    train_report.announce(console, settings, task, levels, cache, watched, trainer.main)
    device = train_report.accelerator(args.device)

    def pairs_from(step):
        return pipelines.training_pairs(cache, task, levels, batch, patch, args.seed, step, device)

    valid = pipelines.validation_pairs(held_out, task, levels.spread(), args.channels)
    trained = training.fit(trainer, pairs_from, valid, run, console)
    model = trained.with_precision("float32")
    training.save_whole(model, folder / "model.keras")
    rows = goal.figures(model, valid)
    version = train_report.export(model, folder, rows, settings)
    train_report.conclude(console, task, goal, folder, rows, version)


if __name__ == "__main__":
    sys.exit(main())
