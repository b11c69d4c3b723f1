"""The errors this product raises on purpose, each with its HTTP status and a code.

Raised low, mapped once to HTTP (ui/server.py) and once to the command line (ui/cli.py).
"""

from __future__ import annotations


class AssistantError(Exception):
    """A problem a person can act on: the message names the value and the remedy."""

    status = 500
    code = "internal"


class InvalidInput(AssistantError):
    """The request cannot be understood or breaks a limit on its content."""

    status = 422
    code = "invalid"


class Unauthorized(AssistantError):
    """No proof of identity, or a wrong or expired one."""

    status = 401
    code = "unauthorized"


class Forbidden(AssistantError):
    """The proof is good, but not for this object."""

    status = 403
    code = "forbidden"


class NotFound(AssistantError):
    """No such object."""

    status = 404
    code = "not_found"


class Conflict(AssistantError):
    """The object is not in a state that allows this."""

    status = 409
    code = "conflict"


class TooLarge(AssistantError):
    """The body or text is larger than the limit."""

    status = 413
    code = "too_large"


class TooManyRequests(AssistantError):
    """A rate limit was reached; `retry_after` is in seconds."""

    status = 429
    code = "rate_limited"

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(AssistantError):
    """Every slot and queue place is taken; `retry_after` is in seconds."""

    status = 503
    code = "overloaded"

    def __init__(self, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(AssistantError):
    """Something this needs (models, index, database, remote server) is missing or down."""

    status = 503
    code = "unavailable"
    retry_after = 5
