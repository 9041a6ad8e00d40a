"""Configuration: the server's options, the models to serve and their versions."""

from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from keras_hyper.export.card import version_number


@dataclass(frozen=True)
class Options:
    """Settings of a server; the defaults are those of ``keras-hyper serve``.

    Args:
        host: Address of the network interface.
        port: Port of gRPC; 0 takes a free one.
        rest_port: Port of REST; 0 takes a free one, None opens none.
        poll: Seconds between checks for new versions; 0 checks once.
        running: Most runs of a graph at a time.
        max_queue: Most Predict requests, queued or running; more are refused as UNAVAILABLE.
        batch: Maximum batch size of requests that run together; 1 turns batching off.
        max_pixels: Most pixels of a request, all pictures together.
        max_message: Most bytes of a gRPC message.
        max_memory: Most bytes that all requests take together, above the loaded models.
        tensor_content: Answer every client in packed bytes, not only those that ask for it.
        drain: Seconds between NOT_SERVING, with all models UNLOADING, and the refusal of calls.
        grace: Seconds for running requests to finish when the server stops.
        cert: PEM file with the server's certificate chain; None for no TLS.
        key: PEM file with its key.
        client_ca: PEM file with the authorities that certify clients; None admits all clients.
        allowed_hosts: Names in REST's Host header besides addresses, localhost and this machine's
            name; ``*`` for all.
        idle: Seconds without a call after which a connection is closed.
        channel_arguments: Arguments of gRPC, such as ``grpc.max_connection_age_ms``.
        access_log: File that gets a line of JSON for each Predict; None for none.
        engine: What restores pictures: see `keras_hyper.serving.server.engine.open_engine`.
        traces: Send spans of calls by OTLP; needs the extra ``traces``.
    """

    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int | None = 8501
    poll: float = 1.0
    running: int = 2
    max_queue: int = 64
    batch: int = 1
    max_pixels: int = 1 << 24
    max_message: int = 1 << 28
    max_memory: int = 4 << 30
    tensor_content: bool = False
    drain: float = 2.0
    grace: float = 10.0
    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    idle: float = 300.0
    channel_arguments: tuple[tuple[str, int | str], ...] = ()
    access_log: Path | None = None
    engine: str = "auto"
    traces: bool = False


@dataclass(frozen=True)
class ModelConfig:
    """One model.

    Args:
        name: Its name in requests.
        base_path: Its folder; the versions are the children whose whole name is a number.
        latest: How many of the newest versions are served; 0 for all.
        specific: The versions to serve instead; empty for `latest`.
        labels: Versions by label.
    """

    name: str
    base_path: Path
    latest: int = 1
    specific: tuple[int, ...] = ()
    labels: dict[str, int] = field(default_factory=dict, hash=False)


def models_of_folder(folder: Path) -> list[ModelConfig]:
    """Returns a model for each child with versions; a folder with versions itself is one model.

    Raises:
        OSError: If the folder cannot be read.
    """
    children = sorted(path for path in folder.iterdir() if path.is_dir())
    if any(version_number(path.name) is not None for path in children):
        return [ModelConfig(folder.resolve().name, folder)]
    return [
        ModelConfig(path.name, path)
        for path in children
        if any(version_number(child.name) is not None for child in path.iterdir())
    ]


def models_of_file(file: Path) -> list[ModelConfig]:
    """Reads TF-Serving's model_config_file.

    Args:
        file: A text protobuf, ``model_config_list { config { name: ... base_path: ... } }``.

    Raises:
        ValueError: If it cannot be read, a model has no name or path, or two have one name.
    """
    config = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(file.read_text(), config)
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise ValueError(f"{file} cannot be read as a model config: {error}") from error
    models = []
    for message in config.model_config_list.config:
        if not message.name or not message.base_path:
            raise ValueError(f"{file}: expected a model with name and base_path, got {message}")
        if message.model_platform != "tensorflow":
            raise ValueError(
                f'{file}: expected model_platform "tensorflow" of {message.name}, '
                f'got "{message.model_platform}"'
            )
        base, policy = Path(message.base_path), message.model_version_policy
        if not base.is_absolute():
            raise ValueError(
                f"{file}: expected an absolute base_path of {message.name}, got {base}"
            )
        latest = 0 if policy.HasField("all") else policy.latest.num_versions or 1
        specific, labels = tuple(policy.specific.versions), dict(message.version_labels)
        models.append(ModelConfig(message.name, base, latest, specific, labels))
    names = [model.name for model in models]
    if not names or len(names) > len(set(names)):
        raise ValueError(
            f"{file}: expected at least one model and different names, "
            f"got {', '.join(names) or 'none'}"
        )
    return models


def channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    """Reads TF-Serving's ``--grpc_channel_arguments``: ``name=value,name=value``.

    Raises:
        ValueError: If a part is no name and value.
    """
    pairs = [part.partition("=") for part in text.split(",") if part]
    if not all(name and value for name, _, value in pairs):
        raise ValueError(f"expected name=value,name=value, got {text}")
    return tuple((name, int(value) if value.isdecimal() else value) for name, _, value in pairs)
