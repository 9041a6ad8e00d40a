"""A server of TF-Serving's API on one machine: models, service, and the two transports."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable

from keras_hyper.serving.server.certificates import Certificates
from keras_hyper.serving.server.config import ModelConfig, Options
from keras_hyper.serving.server.grpc_server import GrpcServer
from keras_hyper.serving.server.metrics import Metrics
from keras_hyper.serving.server.models import Models
from keras_hyper.serving.server.rest import RestServer
from keras_hyper.serving.server.service import Service

__all__ = ["ModelConfig", "Options", "Server"]

_HEALTH_INTERVAL = 0.5


class Server:
    """Serves models in threads of its own until it is stopped.

    Args:
        configs: Returns the models to serve; called at each poll.
        options: Ports, limits and certificates.

    Raises:
        ValueError: If a certificate cannot be read or has expired.

    Example:
        >>> with Server(lambda: models_of_folder(folder)) as server:  # doctest: +SKIP
        ...     print(server.port)
    """

    def __init__(
        self, configs: Callable[[], Iterable[ModelConfig]], options: Options | None = None
    ):
        self.options = options or Options()
        cert, key = self.options.cert, self.options.key
        self._certificates = (
            Certificates(cert, key, self.options.client_ca) if cert and key else None
        )
        self.models = Models(configs, self.options.poll, self.options.engine)
        self.port: int | None = None
        self.rest_port: int | None = None
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Loads the models, then opens the ports.

        Raises:
            OSError: If a port cannot be opened or the access log cannot be written.
        """
        self.models.start()
        self._thread.start()
        self._started.wait()
        if self._failure:
            self.models.stop()
            raise self._failure

    def stop(self) -> None:
        """Says that it stops, answers for the seconds of `drain`, then ends calls and models."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self.models.stop()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()

    def _run(self):
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # raised again by start()
            self._failure = error
            self._started.set()

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        traces = None
        if self.options.traces:
            from keras_hyper.serving.server.traces import Traces

            traces = Traces()
        service = Service(self.models, self.options, Metrics(), traces)
        options, certificates = self.options, self._certificates
        grpc_server = GrpcServer(service, options, certificates)
        transports: list[GrpcServer | RestServer] = [grpc_server]
        if options.rest_port is not None:
            transports.append(RestServer(service, options, certificates))
        try:
            ports = [await transport.start() for transport in transports]
            self.port, self.rest_port = [*ports, None][:2]
            self._started.set()
            while not self._stopping.is_set():
                await grpc_server.set_health(self.models.is_available())
                if certificates:
                    certificates.refresh()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _HEALTH_INTERVAL)
            service.stopping = True
            await grpc_server.drain()
            await asyncio.sleep(self.options.drain)
        finally:
            await asyncio.gather(*(transport.stop() for transport in transports))
            service.close()
