"""`keras-hyper serve` in a process of its own."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def own_server(models: Path) -> Iterator[tuple[str, str]]:
    """Serves a folder of models on free ports while the block runs.

    Args:
        models: The folder.

    Yields:
        The addresses of gRPC and of REST.

    Raises:
        RuntimeError: If it does not start.
    """
    command = [sys.executable, "-m", "keras_hyper", "serve", "--models", str(models)]
    with subprocess.Popen(
        [*command, "--port", "0", "--rest-port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as server:  # fmt: skip
        try:
            line = server.stdout.readline()
            found = re.fullmatch(r"gRPC (\S+), REST (\S+)\n", line)
            if not found:
                raise RuntimeError(f"the server did not start; it said {line!r}")
            yield found[1], found[2]
        finally:
            server.terminate()
