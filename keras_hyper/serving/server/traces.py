"""Traces of calls with OpenTelemetry; imported only where they are asked for.

Its own variables of the environment apply: OTEL_EXPORTER_OTLP_ENDPOINT names the collector,
OTEL_TRACES_SAMPLER the calls that are traced, OTEL_PYTHON_EXCLUDED_URLS paths of REST that are not.
"""

import contextlib
import os
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.aiohttp_server import AioHttpServerInstrumentor
from opentelemetry.instrumentation.grpc import aio_server_interceptor, filters
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class Traces:
    """A span for each call of either transport, below the client's, and for its parts.

    Applications of aiohttp that are made until `close` have spans, as the library does it.

    Attributes:
        interceptor: For gRPC; health is not traced.
    """

    def __init__(self):
        name = os.environ.get("OTEL_SERVICE_NAME", "keras-hyper")
        self._provider = TracerProvider(resource=Resource.create({"service.name": name}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(__name__)
        health = filters.negate(filters.health_check())
        self.interceptor = aio_server_interceptor(self._provider, health)
        self._rest = AioHttpServerInstrumentor()
        self._rest.instrument(tracer_provider=self._provider)

    def span(self, name: str) -> contextlib.AbstractContextManager:
        """Returns the span of a part of a call; it begins when it is entered."""
        return self._tracer.start_as_current_span(name)

    def describe(self, call: Any) -> None:
        """Writes what is known of a `service.Call` to its span."""
        names = ("id", "model", "version", "signature", "units", "code")
        values = {f"keras_hyper.{name}": getattr(call, name) for name in names}
        known = {name: value for name, value in values.items() if value is not None}
        trace.get_current_span().set_attributes(known)

    def close(self) -> None:
        """Sends what was not sent yet."""
        self._rest.uninstrument()
        self._provider.shutdown()
