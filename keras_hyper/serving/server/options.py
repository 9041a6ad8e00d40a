"""What a server can be told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Settings of a server; the defaults are those of ``keras-hyper serve``.

    Args:
        host: Address to listen at.
        port: Of gRPC; 0 takes a free one.
        rest_port: Of REST; 0 takes a free one, None opens none.
        poll: Seconds between looks at the disk; 0 looks once.
        running: Runs of a graph at once.
        waiting: Predicts that may wait or run; more are refused as UNAVAILABLE.
        batch: Pictures that run together at most; 1 joins no requests.
        max_pixels: Of all pictures of a request.
        max_message: Bytes of a message.
        tensor_content: Answer in packed bytes to everyone, not only to who asks for it.
        drain: Seconds between saying NOT_SERVING and refusing calls.
        grace: Seconds that requests get to end when the server stops.
        cert: PEM file with the server's certificate chain; None for no TLS.
        key: PEM file with its key.
        client_ca: PEM file with the authorities whose clients are let in; None lets all in.
    """

    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int | None = 8501
    poll: float = 1.0
    running: int = 2
    waiting: int = 64
    batch: int = 1
    max_pixels: int = 1 << 24
    max_message: int = 1 << 28
    tensor_content: bool = False
    drain: float = 1.0
    grace: float = 10.0
    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
