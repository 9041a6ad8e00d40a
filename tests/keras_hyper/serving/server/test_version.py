from keras_hyper.serving.server import version as version_module
from keras_hyper.serving.server.version import Hold, State, Version


def test_hold_is_released_once():
    left = []
    hold = Hold(1, None, lambda: left.append("leave"))
    hold.on_release(lambda: left.append("callback"))
    hold.release()
    hold.release()
    assert left == ["leave", "callback"]
    hold.on_release(lambda: left.append("late"))
    assert left[-1] == "late"


def test_waits_after_failed_loads_double_up_to_the_maximum(tmp_path, monkeypatch):
    def fail(folder):
        raise ValueError("damaged")

    now = [0.0]
    monkeypatch.setattr(version_module, "LoadedVersion", fail)
    version = Version(1, tmp_path, lambda: now[0])
    waits = []
    for _ in range(8):
        assert not version.load() and version.state is State.END
        assert version.text == "ValueError: damaged"
        start = now[0]
        while not version.is_due():
            now[0] += 1.0
        waits.append(now[0] - start)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_retired_version_closes_after_its_last_request(tmp_path, monkeypatch):
    class Loaded:
        closed = False

        def use(self, engine):
            pass

        def close(self):
            self.closed = True

    loaded = Loaded()
    monkeypatch.setattr(version_module, "LoadedVersion", lambda folder: loaded)
    monkeypatch.setattr(version_module, "warm_up", lambda loaded, folder: {})
    version = Version(1, tmp_path)
    assert version.load()
    hold = version.acquire()
    version.retire()
    assert version.acquire() is None and not version.close_if_idle()
    hold.release()
    assert version.close_if_idle() and loaded.closed and version.state is State.END
