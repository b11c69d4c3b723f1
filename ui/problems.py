"""What a caller sees when something fails: one shape, one mapping, nothing internal.

Knows errors and HTTP; nothing of routes. Unexpected errors are logged under an incident id.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from assistant.errors import AssistantError, Overloaded, TooManyRequests, Unavailable
from retrieval.failures import RetrievalError

log = logging.getLogger("assistant.http")

CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 408: "timeout", 413: "too_large"}
CLIENT_GONE = 499  # nobody reads it; only the request counter does


class ErrorDetail(BaseModel):
    """The `error` of every failed call; `code` is for programs, `message` for people."""

    code: str
    message: str


class ErrorBody(BaseModel):
    """The body of every failed call."""

    error: ErrorDetail


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure as callers see it; `retry_after` is in seconds."""

    status: int
    code: str
    message: str
    retry_after: int | None = None
    incident: str | None = None  # under which the traceback stands in the log

    def body(self) -> dict[str, Any]:
        """The JSON body; `type` is there for OpenAI clients."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"code": self.code, "message": self.message, "type": kind}}

    def response(self) -> Response:
        """The whole HTTP answer."""
        headers = {"Cache-Control": "no-store"}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(self.body(), self.status, headers)


def problem_of(error: Exception) -> Problem:
    """Map any exception; one that nobody raised on purpose is logged and only its incident id is shown."""
    match error:
        case TooManyRequests() | Overloaded() | Unavailable():
            return Problem(error.status, error.code, str(error), error.retry_after)
        case AssistantError() if error.status < 500:
            return Problem(error.status, error.code, str(error))
        case RetrievalError():
            return _no_knowledge(error)
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            code = CODES.get(error.status_code, HTTPStatus(error.status_code).phrase.lower().replace(" ", "_"))
            return Problem(error.status_code, code, str(error.detail))
    incident = secrets.token_hex(4)
    log.error("incident %s", incident, exc_info=error)
    return Problem(
        500, "internal", f"Something went wrong on our side. Please quote incident {incident}.", incident=incident
    )


def _no_knowledge(error: RetrievalError) -> Problem:
    """The message names folders of the server: it is for the log, callers learn that it is not ready."""
    log.error("the knowledge base cannot be searched: %s", error)
    return Problem(Unavailable.status, Unavailable.code, "The knowledge base is not ready.", Unavailable.retry_after)


def _invalid(error: RequestValidationError) -> Problem:
    """Names each bad field and what is allowed, never the value: it may be long or private."""
    found = error.errors()
    if any(e["type"] == "json_invalid" for e in found):
        return Problem(400, "bad_request", "The body is not valid JSON.")
    lines = [f"{'.'.join(str(part) for part in e['loc'] if part != 'body') or 'body'}: {e['msg']}" for e in found[:5]]
    return Problem(422, "invalid", "; ".join(lines))


def install(app: FastAPI) -> None:
    """Make this the application's one error handler; ui/guards.py catches what is not raised on purpose."""

    async def respond(_: Request, error: Exception) -> Response:
        response = problem_of(error).response()
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    async def nobody_listens(_: Request, __: Exception) -> Response:
        return Response(status_code=CLIENT_GONE)

    for kind in (AssistantError, RetrievalError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, respond)
    app.add_exception_handler(ClientDisconnect, nobody_listens)
