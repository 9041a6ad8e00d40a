"""Errors with the code and the text that a caller gets."""

import grpc
import tensorflow as tf

# TF-Serving cuts texts here, since they travel in a header.
LONGEST = 1024
_CUT = "...TRUNCATED"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class ServingError(Exception):
    """A request that cannot be answered.

    Args:
        code: The code of gRPC; REST has a status for each.
        text: What was wanted and what came; cut to 1024 characters.
    """

    def __init__(self, code: grpc.StatusCode, text: str):
        # A header holds no other bytes; gRPC would refuse the whole answer.
        text = text.encode("utf-8", "replace").decode()
        if len(text) > LONGEST:
            text = text[: LONGEST - len(_CUT)] + _CUT
        super().__init__(text)
        self.code = code
        self.text = text


class UnknownSignatureError(ServingError):
    """A signature that the version does not have: the two transports word it differently."""

    def __init__(self, signature: str):
        super().__init__(
            grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{signature}" not found.'
        )
        self.signature = signature


def invalid(text: str) -> ServingError:
    """Returns an INVALID_ARGUMENT."""
    return ServingError(grpc.StatusCode.INVALID_ARGUMENT, text)


def not_found(text: str) -> ServingError:
    """Returns a NOT_FOUND."""
    return ServingError(grpc.StatusCode.NOT_FOUND, text)


def too_late() -> ServingError:
    """Returns a DEADLINE_EXCEEDED."""
    return ServingError(
        grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed before the picture was restored"
    )


def of_tensorflow(error: tf.errors.OpError) -> ServingError:
    """Returns what a failed run of a graph means to the caller."""
    code = _CODES.get(error.error_code, grpc.StatusCode.UNKNOWN)
    return ServingError(code, (error.message or "").removeprefix("Graph execution error:\n\n"))
