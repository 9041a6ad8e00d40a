from prometheus_client.parser import text_string_to_metric_families

from keras_hyper.serving.server.metrics import Metrics

COUNT = ":tensorflow:serving:request_count"


def samples(metrics):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def labels(**more):
    return tuple(sorted({"model_name": "denoise", **more}.items()))


def test_metrics_have_tf_servings_names_labels_and_buckets():
    metrics = Metrics()
    for status in ("OK", "OK", "NOT_FOUND"):
        metrics.count("denoise", status)
    metrics.latency("denoise", "GRPC", 0.000_017)
    metrics.latency("denoise", "GRPC", 2.0)
    metrics.runtime("denoise", 0.5)
    found = samples(metrics)
    assert found[COUNT, labels(status="OK")] == 2
    assert found[COUNT, labels(status="NOT_FOUND")] == 1
    name, more = ":tensorflow:serving:request_latency", {"API": "Predict", "entrypoint": "GRPC"}
    assert found[name + "_count", labels(**more)] == 2
    assert found[name + "_sum", labels(**more)] == 2_000_017
    # 17 microseconds are in the bucket up to 10 * 1.8.
    assert found[name + "_bucket", labels(le="10.0", **more)] == 0
    assert found[name + "_bucket", labels(le="18.0", **more)] == 1
    assert found[name + "_bucket", labels(le="+Inf", **more)] == 2
    runtime = ":tensorflow:serving:runtime_latency"
    assert found[runtime + "_sum", labels(API="Predict", runtime="TF1")] == 500_000


def test_model_names_from_clients_are_escaped_and_bounded():
    metrics = Metrics()
    metrics.count('a"\n\\', "NOT_FOUND")
    for number in range(3000):
        metrics.count(f"unknown {number}", "NOT_FOUND")
    found = samples(metrics)
    assert len([key for key in found if key[0] == COUNT]) <= 1001
    assert found[COUNT, (("model_name", 'a"\n\\'), ("status", "NOT_FOUND"))] == 1
    assert sum(value for (name, _), value in found.items() if name == COUNT) == 3001


def test_own_metrics_have_the_signature_and_gauges():
    metrics = Metrics()
    metrics.count("denoise", "UNAVAILABLE", "serving_uint8", "GRPC")
    metrics.gauge("queue_depth", "Jobs.", lambda: 3)
    found = samples(metrics)
    assert found["keras_hyper_queue_depth", ()] == 3
    wanted = {"model": "denoise", "signature": "serving_uint8"}
    wanted |= {"entrypoint": "GRPC", "code": "UNAVAILABLE"}
    assert found["keras_hyper_requests", tuple(sorted(wanted.items()))] == 1
