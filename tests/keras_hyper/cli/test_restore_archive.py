"""`keras-hyper restore` of objects of a store, and of shards."""

import io
import json
import pickle
import uuid

import pytest

from keras_hyper.cli import main
from keras_hyper.restoration import batch, folder
from keras_hyper.restoration.pairs import RECORD
from keras_hyper.restoration.restorer import Restorer
from pipelines.images import path_or_url, write_bytes
from tests.keras_hyper.cli.conftest import noise


class Inverter(Restorer):
    """Inverts pictures, without TensorFlow."""

    def restore(self, picture, level, *, tile=512, on_tile=lambda done, count: None):
        return 255 - picture


@pytest.fixture
def call(monkeypatch):
    def restore_at(source, out, *more, level="25"):
        try:
            return main(["restore", str(source), str(out), "--task", "denoise", "--level", level,
                         *more])  # fmt: skip
        except SystemExit as stop:
            return stop.code

    monkeypatch.setattr(
        batch, "open_networks", lambda *args: Inverter("inverter", 3, {"task": "denoise"})
    )
    return restore_at


@pytest.fixture(scope="module")
def s3():
    """The address of a bucket on an S3 server of this process."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        path_or_url("s3://archive").fs.mkdir("archive")
        yield "s3://archive"
    server.stop()


@pytest.fixture(params=["s3", "memory"])
def store(request):
    """A folder of each kind of store."""
    root = request.getfixturevalue("s3") if request.param == "s3" else "memory:/"
    return path_or_url(f"{root}/{uuid.uuid4()}")


def encoded(rng, kind="png", **options):
    file = io.BytesIO()
    noise("RGB", rng).save(file, kind, **options)
    return file.getvalue()


def names(folder):
    return {str(path)[len(str(folder)) + 1 :] for path in folder.rglob("*") if path.is_file()}


def test_an_archive_is_restored_filtered_and_resumed(call, store, rng, tmp_path, capsys):
    source, out = store / "in", store / "out"
    files = {"a.png": encoded(rng), "sub/b.jpg": encoded(rng, "jpeg"), "torn.png": b"\x89PNG"}
    for name, data in (files | {"notes.txt": b"hello", ".thumb.png": b""}).items():
        write_bytes(source / name, data)
    report = store / "report.json"
    assert call(source, out, "--report", str(report)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 of 3 restored in ")
    assert lines[0].endswith(f"{out}; 1 refused; 2 skipped (1 hidden, 1 no picture)")
    assert f"{source / 'torn.png'}: no picture" in lines[1]
    assert names(out) == {"a.png", "sub/b.jpg", RECORD}
    rows = {row["file"]: row["status"] for row in json.loads(report.read_bytes())}
    assert rows[str(source / "sub" / "b.jpg")] == "restored"

    assert call(source, tmp_path / "plain") == 1  # a folder on this machine
    assert (out / "a.png").read_bytes() == (tmp_path / "plain" / "a.png").read_bytes()
    assert call(source, out) == 2 and "exists (--force" in capsys.readouterr().err

    write_bytes(source / "torn.png", encoded(rng))
    assert call(source, out, "--resume") == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("1 of 3 restored in ") and "2 existed" in line
    assert names(out) == {"a.png", "sub/b.jpg", "torn.png"}


def test_a_picture_that_changes_meanwhile_is_not_written(call, store, rng, monkeypatch, capsys):
    source, out, read = store / "in", store / "out", folder.read_pages

    def changing(path, max_pixels):
        pages = read(path, max_pixels)
        write_bytes(source / "a.png", encoded(rng))
        return pages

    write_bytes(source / "a.png", encoded(rng))
    with monkeypatch.context() as patch:
        patch.setattr(folder, "read_pages", changing)
        assert call(source, out) == 1
    assert "a.png changed while it was restored" in capsys.readouterr().out
    assert names(out) == {RECORD}
    assert call(source, out, "--resume") == 0 and names(out) == {"a.png"}


def test_shards_together_restore_each_picture_once(call, rng, capsys):
    store = path_or_url(f"memory://{uuid.uuid4()}")
    source, out = store / "in", store / "out"
    wanted = {f"{index}.png" for index in range(6)}
    for name in wanted:
        write_bytes(source / name, encoded(rng))
    counts = []
    for index in range(3):
        assert call(source, out, "--resume", "--shard", f"{index}/3") == 0
        counts.append(int(capsys.readouterr().out.split()[0]))
    assert sum(counts) == 6 and max(counts) < 6
    assert names(out) == wanted | {RECORD}
    assert call(source, out, "--resume", "--shard", "1/3", level="30") == 2
    assert "expected level 25.0 to resume" in capsys.readouterr().err


@pytest.mark.parametrize("exists", [False, True])
def test_the_result_of_another_worker_is_kept(call, s3, rng, monkeypatch, capsys, exists):
    store = path_or_url(f"{s3}/{uuid.uuid4()}")
    source, out, read = store / "in" / "a.png", store / "out" / "a.png", folder.read_pages
    write_bytes(source, encoded(rng))
    if exists:
        write_bytes(out, b"before")

    def meanwhile(path, max_pixels):
        write_bytes(out, b"of another worker")
        return read(path, max_pixels)

    with monkeypatch.context() as patch:
        patch.setattr(folder, "read_pages", meanwhile)
        assert call(source.parent, out.parent, *["--force"] * exists) == 0
    assert "0 of 1 restored" in (line := capsys.readouterr().out) and "1 existed" in line
    assert out.read_bytes() == b"of another worker"
    assert call(source.parent, out.parent, "--force") == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_runner_restores_what_one_process_does(call, rng, monkeypatch, tmp_path, capsys):
    def in_this_process(targets, open_one):
        restore_one = pickle.loads(pickle.dumps(open_one))()
        for source, target in targets.items():
            try:
                yield source, restore_one(source, target)
            except ValueError as error:
                yield source, error

    source, report = tmp_path / "in", tmp_path / "report.json"
    for name, data in {"a.png": encoded(rng), "b.png": encoded(rng), "c.png": b"\x89PNG"}.items():
        write_bytes(source / name, data)
    monkeypatch.setattr(batch, "restore_on_ray", in_this_process)
    options = ["--runner", "ray", "--report", str(report)]
    assert call(source, tmp_path / "out", *options) == 1
    assert "2 of 3 restored" in capsys.readouterr().out
    statuses = [row["status"] for row in json.loads(report.read_bytes())]
    assert statuses == ["restored", "restored", "refused"]
    assert call(source, tmp_path / "plain") == 1
    for name in ("a.png", "b.png"):
        written = [(tmp_path / folder / name).read_bytes() for folder in ("out", "plain")]
        assert written[0] == written[1]


def test_ray_restores_objects(s3, rng, tmp_path, capsys):
    pytest.importorskip("ray", reason="Ray is not in the test environments: it takes 240 MB")
    store = path_or_url(f"{s3}/{uuid.uuid4()}")
    for index in range(6):
        write_bytes(store / "in" / f"{index}.png", encoded(rng))
    words = ["--task", "denoise", "--level", "25", "--model", "denoise_tiny"]
    for out, more in ((store / "out", ["--runner", "ray"]), (tmp_path, [])):
        assert main(["restore", str(store / "in"), str(out), *words, *more]) == 0
    for index in range(6):
        assert (store / "out" / f"{index}.png").read_bytes() == (
            tmp_path / f"{index}.png"
        ).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nostore://in", "out"], "nostore"),
        (["memory://none", "out"], "no such file: memory://none"),
        (["memory://none", "out", "--keep-times"], "expected files of this machine"),
        (["in.png", "out", "--shard", "0/2"], "expected a folder with --shard, got in.png"),
        (["in.png", "out", "--runner", "ray"], "expected a folder with --runner, got in.png"),
        ([".", "out", "--runner", "ray", "--server", "a:1"], "expected --server or --runner"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call, arguments, text, capsys):
    assert call(*arguments) == 2
    assert text in capsys.readouterr().err
