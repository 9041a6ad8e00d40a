"""Short runs of train.py on small pictures."""

import train

SHORT = ["--blocks", "1", "--filters", "8", "--batch", "2", "--patch", "16",
         "--precision", "float32"]  # fmt: skip
LEVELS = "--levels", "15", "50"


def arguments(photographs, out, *more, task="denoise", steps=6):
    return ["--task", task, "--data", str(photographs), "--out", str(out), "--steps", str(steps),
            "--validate-every", "3", *SHORT, *more]  # fmt: skip


def refused(capsys, argv, status=2):
    try:
        found = train.main(argv)
    except SystemExit as leaving:
        found = leaving.code
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert found == status and error.startswith("train.py: ")
    return error
