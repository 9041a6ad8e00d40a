"""A server of models: the watcher, the service, and its ports."""

import asyncio
import threading
from collections.abc import Callable, Iterable

from keras_hyper.serving.server.config import ModelConfig
from keras_hyper.serving.server.grpc_server import GrpcServer
from keras_hyper.serving.server.metrics import Metrics
from keras_hyper.serving.server.options import Options
from keras_hyper.serving.server.rest import RestServer
from keras_hyper.serving.server.service import Service
from keras_hyper.serving.server.watcher import Watcher

_HEALTH_INTERVAL = 0.5


class Server:
    """Serves models until it is stopped; runs beside the caller's thread.

    Args:
        configs: Returns the models to serve; asked again at each poll.
        options: Ports, limits and certificates.

    Example:
        >>> with Server(lambda: models_of_folder(Path("saved_models"))) as server:
        ...     print(server.port)
    """

    def __init__(
        self, configs: Callable[[], Iterable[ModelConfig]], options: Options | None = None
    ):
        self.options = options or Options()
        self.watcher = Watcher(configs, self.options.poll)
        self.port: int | None = None
        self.rest_port: int | None = None
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Loads the models, then opens the ports.

        Raises:
            OSError: If a port cannot be opened or a certificate not be read.
        """
        self.watcher.start()
        self._thread.start()
        self._started.wait()
        if self._failure:
            self.watcher.stop()
            raise self._failure

    def stop(self) -> None:
        """Says NOT_SERVING, refuses new calls, lets those inside end, closes the models."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self.watcher.stop()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()

    def _run(self):
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # told to whoever waits in start()
            self._failure = error
            self._started.set()

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        service = Service(self.watcher, self.options, Metrics())
        grpc_server = GrpcServer(service, self.options)
        ports: list[GrpcServer | RestServer] = [grpc_server]
        if self.options.rest_port is not None:
            ports.append(RestServer(service, self.options))
        try:
            self.port, self.rest_port = [*[await port.start() for port in ports], None][:2]
            self._started.set()
            await self._until_stopped(grpc_server)
        finally:
            await asyncio.gather(*(port.stop() for port in ports))
            service.close()

    async def _until_stopped(self, grpc_server):
        while not self._stopping.is_set():
            await grpc_server.set_health(self.watcher.is_available())
            await _within(_HEALTH_INTERVAL, self._stopping.wait())
        await grpc_server.drain()
        await asyncio.sleep(self.options.drain)


async def _within(seconds, waiting):
    try:
        await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        return
