"""Errors with the code and the text that a client receives."""

import grpc
import tensorflow as tf

# TF-Serving's limit of characters, since texts are sent in a header.
_LONGEST = 1024
_CUT = "...TRUNCATED"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
# Other codes are 500.
_HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


class ServingError(Exception):
    """A request that cannot be answered.

    Args:
        code: gRPC's code.
        text: What was expected and what came; cut to 1024 characters.
        http_status: REST's status, by default the one of TF-Serving for the code.
    """

    def __init__(self, code: grpc.StatusCode, text: str, http_status: int | None = None):
        # gRPC refuses an answer whose header has other bytes.
        text = text.encode("utf-8", "replace").decode()
        if len(text) > _LONGEST:
            text = text[: _LONGEST - len(_CUT)] + _CUT
        super().__init__(text)
        self.code = code
        self.http_status = http_status or _HTTP_STATUS.get(code, 500)
        self.text = self.rest_text = text


class UnknownSignatureError(ServingError):
    """A signature that the version does not have; REST has a text of its own for it."""

    def __init__(self, signature: str):
        super().__init__(
            grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{signature}" not found.'
        )
        self.rest_text = f'Serving signature name: "{signature}" not found in signature def'


def invalid(text: str) -> ServingError:
    """Returns an INVALID_ARGUMENT."""
    return ServingError(grpc.StatusCode.INVALID_ARGUMENT, text)


def not_found(text: str) -> ServingError:
    """Returns a NOT_FOUND."""
    return ServingError(grpc.StatusCode.NOT_FOUND, text)


def too_large(text: str) -> ServingError:
    """Returns the error of a message beyond the limits; 413 over REST."""
    return ServingError(grpc.StatusCode.RESOURCE_EXHAUSTED, text, 413)


def overloaded(why: str) -> ServingError:
    """Returns the UNAVAILABLE of a server at its limit."""
    return ServingError(
        grpc.StatusCode.UNAVAILABLE, f"{why}, which is this server's limit; try again later"
    )


def deadline_exceeded() -> ServingError:
    """Returns a DEADLINE_EXCEEDED."""
    return ServingError(
        grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed before the picture was restored"
    )


def serving_error(error: Exception) -> ServingError:
    """Returns the error of a version that could not be loaded, or of a failed run of its graph."""
    if isinstance(error, ServingError):
        return error
    if isinstance(error, tf.errors.OpError):
        code = _CODES.get(error.error_code, grpc.StatusCode.UNKNOWN)
        text = (error.message or "").removeprefix("Graph execution error:\n\n")
        return ServingError(code, text)
    code = grpc.StatusCode.NOT_FOUND if isinstance(error, OSError) else grpc.StatusCode.DATA_LOSS
    return ServingError(code, f"{type(error).__name__}: {error}")
