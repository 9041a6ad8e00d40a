"""Spans of calls, and that nothing is imported without them."""

import sys
import urllib.request

import grpc
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from keras_hyper.serving.server import traces
from tests.conftest import ROOT
from tests.keras_hyper.serving.conftest import target_of
from tests.keras_hyper.serving.one_model_server import export_halved, health, serve
from tests.keras_hyper.serving.request_cases import pixels, request_for
from tests.keras_hyper.serving.responses import refusal

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PREDICT = "tensorflow.serving.PredictionService/Predict"


@pytest.fixture(scope="module")
def spans(tmp_path_factory):
    """The spans of a call, of one that is refused, and of one by REST: a list for each."""
    folder, exporter = tmp_path_factory.mktemp("denoise"), InMemorySpanExporter()
    export_halved(folder)
    request = request_for(signature="serving_uint8", image=pixels(1, 5, 4, 3), level=[25.0])
    missing = request_for(signature="missing", image=pixels(1, 5, 4, 3), level=[25.0])
    sent = (("traceparent", f"00-{TRACE}-{PARENT}-01"), ("x-request-id", "seven"))
    body = b'{"inputs":{"image":[[[[0.5,0.5,0.5]]]],"level":[1]}}'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traces, "OTLPSpanExporter", lambda: exporter)
        with serve(folder, traces=True) as server:
            target = target_of(server)
            assert health(target)
            target.predict(request, metadata=sent)
            assert refusal(lambda: target.predict(missing))[0] is not grpc.StatusCode.OK
            path = f"{target.rest}/v1/models/denoise:predict"
            with urllib.request.urlopen(path, body) as answer:
                assert answer.status == 200
            target.channel.close()
    found = {}
    for span in sorted(exporter.get_finished_spans(), key=lambda span: span.start_time):
        found.setdefault(span.context.trace_id, []).append(span)
    return list(found.values())


def test_calls_of_both_transports_have_spans_of_their_parts(spans):
    called, _, rest = spans
    for call in (called, rest):
        assert [span.name for span in call[1:]] == ["parse", "convert", "queue and run", "answer"]
        assert {span.parent.span_id for span in call[1:]} == {call[0].context.span_id}
        assert call[0].attributes["keras_hyper.code"] == "OK"
        assert call[0].resource.attributes["service.name"] == "keras-hyper"
    assert PREDICT in called[0].name and rest[0].name.startswith("POST /v1/models/")


def test_span_is_below_the_clients_and_has_what_the_access_log_has(spans):
    called = spans[0][0]
    assert f"{called.context.trace_id:032x}" == TRACE
    assert f"{called.parent.span_id:016x}" == PARENT
    own = {name: value for name, value in called.attributes.items() if "keras_hyper" in name}
    names = ("id", "model", "version", "signature", "units", "code")
    values = ("seven", "denoise", 1, "serving_uint8", 20, "OK")
    assert own == {f"keras_hyper.{name}": value for name, value in zip(names, values, strict=True)}


def test_refused_call_has_its_code_and_no_run(spans):
    refused = spans[1]
    assert [span.name for span in refused[1:]] == ["parse", "convert"]
    assert refused[0].attributes["keras_hyper.code"] == "FAILED_PRECONDITION"
    assert not refused[0].status.is_ok or refused[0].attributes["rpc.grpc.status_code"] == 9


def test_nothing_is_imported_without_them(tmp_path, monkeypatch):
    """None in the place of the module: its import would fail."""
    monkeypatch.setitem(sys.modules, traces.__name__, None)
    with serve(tmp_path) as server:
        assert server.port
    with pytest.raises(ModuleNotFoundError, match="traces"):
        serve(tmp_path, traces=True).start()
    sources = (ROOT / "keras_hyper").rglob("*.py")
    users = [path.name for path in sources if "import opentelemetry" in path.read_text()
             or "from opentelemetry" in path.read_text()]  # fmt: skip
    assert users == ["traces.py"]
