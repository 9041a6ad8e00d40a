"""The static page: a folder for any static host, where the browser itself restores."""

import gzip
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_hyper.live import MAX_BYTES, MAX_PIXELS
from keras_hyper.live.pictures import NEUTRAL
from keras_hyper.live.task import live_task, thumbnail
from keras_hyper.models import HyperRes, LevelEstimator
from pipelines import TASKS
from pipelines.color import LUMA
from pipelines.jpeg_tables import libjpeg_tables

_HERE = Path(__file__).parent
# The page's files, and onnxruntime for browsers with its licences.
_STATIC, _ORT = _HERE / "static", _HERE / "ort"
# The policy allows nothing from other sites; the networks run as WebAssembly.
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; "
    "worker-src 'self'"
)
_MANIFEST = {
    "name": "Keras HyperRes",
    "short_name": "HyperRes",
    "start_url": ".",
    "display": "standalone",
    "background_color": "#f6f6f4",
    "theme_color": "#1b6e3c",
    "icons": [{"src": "static/icon.svg", "sizes": "any", "type": "image/svg+xml"}],
}
_TILE = 256  # maximum side of a tile in pixels, without the margin


def site_task(
    name: str,
    model: HyperRes,
    estimator: LevelEstimator | None = None,
    gray: HyperRes | None = None,
) -> dict[str, Any]:
    """Returns what the static page needs to know of a task.

    Args:
        name: Name of the network.
        model: The network; its file is ``models/TASK/model.onnx``.
        estimator: For this task; its file is ``models/TASK/estimator/model.onnx``.
        gray: The network for gray pictures, in ``models/TASK/gray/model.onnx``; None for `model`.

    Raises:
        ValueError: If the network is for no known task.
    """
    task = TASKS.get(model.task)
    if task is None:
        got = f"{name}, for {model.task or 'an unknown task'}"
        raise ValueError(f"expected a network for {' or '.join(TASKS)}, got {got}")
    reads = "level_of_file" in task.browser
    facts = {
        "name": task.name,
        **live_task(Path(name).name, model, task, estimator, gray=gray).facts(),
        "estimates": estimator is not None or reads,
        "reads": reads,
        "degrades": "degrade" in task.browser,
        "degradation": task.browser.get("degrade"),
        "strengths": [part.strength for part in task.parts] or [()] * len(task.axes),
        **_network_facts(model, f"models/{task.name}/model.onnx"),
    }
    if gray:
        facts["gray"].update(_network_facts(gray, f"models/{task.name}/gray/model.onnx"))
    if estimator:
        facts["estimator"] = {
            "file": f"models/{task.name}/estimator/model.onnx",
            **{name: getattr(estimator, name) for name in ("crop", "grid", "rank", "min_side")},
            **{name: getattr(task, name) for name in ("minimum", "maximum")},
            "limit": task.estimator_limit,
            "whole": task.whole_levels,
        }
    return facts


def _network_facts(model, file):
    facts = {name: getattr(model, name) for name in ("channels", "halo", "multiple")}
    return {"file": file, **facts}


def write_site(
    folder: Path,
    tasks: list[dict[str, Any]],
    samples: dict[str, Path],
    write_models: Callable[[Path], None],
) -> None:
    """Writes the page with the engine that restores in the browser.

    The folder appears only when it is complete.

    Args:
        folder: A new folder.
        tasks: From `site_task`.
        samples: Sample pictures by name.
        write_models: Called with the folder ``models`` of the site; writes the files of `tasks`.

    Raises:
        FileExistsError: If the folder exists.
        OSError: If it cannot be written; nothing appears then.
    """
    if folder.exists():
        raise FileExistsError(f"expected a new folder, got {folder}, which exists")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        (partial / "models").mkdir()
        write_models(partial / "models")
        _write_page(partial, tasks, samples)
        partial.chmod(0o755)  # mkdtemp gives rights to the owner only
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _write_page(site, tasks, samples):
    engines = site / "static" / "engines"
    shutil.copytree(_STATIC, site / "static")
    (site / "static" / "index.html").unlink()
    (engines / "server.js").unlink()
    worker = (site / "static" / "sw.js").read_text()
    (site / "static" / "sw.js").unlink()
    # The page imports its engine under this name.
    (engines / "browser.js").rename(engines / "engine.js")
    index = (_STATIC / "index.html").read_text()
    start = '<meta charset="utf-8">\n'
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    manifest = '<link rel="manifest" href="manifest.webmanifest">\n'
    (site / "index.html").write_text(index.replace(start, start + policy + manifest, 1))
    (site / "manifest.webmanifest").write_text(json.dumps(_MANIFEST))
    (site / "ort").mkdir()
    for file in _ORT.iterdir():
        if file.suffix == ".wasm":  # compressed here, since few hosts do it
            data = gzip.compress(file.read_bytes(), mtime=0)
            (site / "ort" / f"{file.name}.gz").write_bytes(data)
        else:  # not every host serves .mjs as JavaScript
            suffix = ".js" if file.suffix == ".mjs" else file.suffix
            shutil.copyfile(file, site / "ort" / (file.stem + suffix))
    (site / "samples").mkdir()
    for source in samples.values():
        shutil.copyfile(source, site / "samples" / source.name)
        (site / "samples" / f"{source.stem}-small.jpg").write_bytes(thumbnail(source))
    _write_about(site, tasks, samples)
    _write_worker(site, worker)


def _write_worker(site, script):
    """Writes the script that keeps the site in the browser, with its files and their version."""
    files = sorted(file for file in site.rglob("*") if file.is_file())
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    names = ["./", *(file.relative_to(site).as_posix() for file in files)]
    facts = json.dumps({"version": digest, "files": names})
    (site / "sw.js").write_text(script.replace("SITE = null", f"SITE = {facts}", 1))


def _write_about(site, tasks, samples):
    # The luma tables of JPEG qualities 1 to 100, in the (zigzag) order of a file.
    places = [(row, column) for row in range(8) for column in range(8)]
    places.sort(key=lambda place: (sum(place), place[0] if sum(place) % 2 else place[1]))
    order = [8 * row + column for row, column in places]
    about = {
        "tasks": tasks,
        "samples": {name: f"samples/{source.name}" for name, source in samples.items()},
        "thumbnails": {
            name: f"samples/{source.stem}-small.jpg" for name, source in samples.items()
        },
        "neutral": NEUTRAL,
        "files": {
            file.relative_to(site).as_posix(): file.stat().st_size
            for folder in ("models", "ort")
            for file in (site / folder).rglob("*")
            if file.is_file()
        },
        "limits": {"pixels": MAX_PIXELS, "bytes": MAX_BYTES, "tile": _TILE},
        "luma": LUMA.round(3).tolist(),
        "quantisation": libjpeg_tables()[0][:, order].astype(int).tolist(),
    }
    (site / "about.json").write_text(json.dumps(about))
