"""Which models are served, and which of their versions."""

from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2


@dataclass(frozen=True)
class ModelConfig:
    """One model.

    Args:
        name: What requests call it.
        base_path: Its folder; children whose whole name is a number are versions.
        latest: How many of the newest versions are served; 0 for all.
        specific: Exactly these versions instead, if there are any.
        labels: Names of versions.
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


def version_number(name: str) -> int | None:
    """Returns the number that a folder's name is as a whole, else None."""
    return int(name) if name.isascii() and name.isdecimal() else None


def models_of_file(file: Path) -> list[ModelConfig]:
    """Reads TF-Serving's model_config_file.

    Args:
        file: A text protobuf, ``model_config_list { config { name: ... base_path: ... } }``.

    Raises:
        ValueError: If it cannot be read, or a model has no name or path, or a name comes twice.
    """
    config = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(file.read_text(), config)
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise ValueError(f"{file} cannot be read as a model config: {error}") from error
    models = [_of_message(file, message) for message in config.model_config_list.config]
    names = [model.name for model in models]
    twice = {name for name in names if names.count(name) > 1}
    if twice or not models:
        came = ", ".join(names) or "none"
        raise ValueError(f"{file} must name at least one model, each once. Received: {came}")
    return models


def _of_message(file, message):
    if not message.name or not message.base_path:
        raise ValueError(f"{file}: a model needs name and base_path. Received: {message}")
    if message.model_platform != "tensorflow":
        raise ValueError(
            f'{file}: {message.name} needs model_platform "tensorflow". '
            f'Received: "{message.model_platform}"'
        )
    if not Path(message.base_path).is_absolute():
        raise ValueError(
            f"{file}: base_path of {message.name} must be absolute. Received: {message.base_path}"
        )
    policy = message.model_version_policy
    latest = 0 if policy.HasField("all") else (policy.latest.num_versions or 1)
    return ModelConfig(
        message.name,
        Path(message.base_path),
        latest,
        tuple(policy.specific.versions),
        dict(message.version_labels),
    )
