"""The page without a server: a folder that any static host can serve."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

_HERE = Path(__file__).parent
# The page's files, onnxruntime's for browsers, and the terms of the latter.
_STATIC, _ORT = _HERE / "static", _HERE / "ort"
# Nothing from elsewhere; the network is WebAssembly. A host that sends a policy needs the same.
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; "
    "worker-src 'self'"
)


def write_site(
    folder: Path, tasks: list[dict], samples: dict[str, Path], write_models: Callable[[Path], None]
) -> None:
    """Writes the page with the engine that restores in the browser.

    The folder appears when it is whole.

    Args:
        folder: A new one.
        tasks: What the page is told of each task, with ``file``, ``channels`` and ``halo`` of its
            network, and ``teller`` where a network tells its level.
        samples: Pictures to try, by name.
        write_models: Given the folder ``models`` of the site, puts there what `tasks` name.

    Raises:
        FileExistsError: If the folder is there.
        OSError: If it cannot be written; nothing appears then.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there: a new folder was wanted")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        (partial / "models").mkdir()
        write_models(partial / "models")
        _write_page(partial, tasks, samples)
        partial.chmod(0o755)  # mkdtemp makes it the owner's alone
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _write_page(site, tasks, samples):
    for name in ("static", "ort", "samples"):
        (site / name).mkdir()
    for file in _STATIC.iterdir():
        if file.name not in ("index.html", "server_engine.js", "browser_engine.js"):
            shutil.copyfile(file, site / "static" / file.name)
    shutil.copyfile(_STATIC / "browser_engine.js", site / "static" / "engine.js")
    index = (_STATIC / "index.html").read_text()
    start = '<meta charset="utf-8">\n'
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    (site / "index.html").write_text(index.replace(start, start + policy, 1))
    for file in _ORT.iterdir():
        # Not every host knows that .mjs is JavaScript.
        suffix = ".js" if file.suffix == ".mjs" else file.suffix
        shutil.copyfile(file, site / "ort" / (file.stem + suffix))
    paths = {}
    for name, source in samples.items():
        paths[name] = f"samples/{source.name}"
        shutil.copyfile(source, site / paths[name])
    about = {"tasks": tasks, "samples": paths, "keeps": False}
    (site / "about.json").write_text(json.dumps(about, indent=1))
