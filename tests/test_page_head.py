"""The page at / gets our head and loses Gradio's link preview; nothing else is touched."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.page_head import PageHead

PREVIEW = '<meta property="og:title" content="Gradio" />\n<meta\n name="twitter:image"\n content="https://x" />'
PAGE = f"<head>{PREVIEW}</head>hi"


def client(response: Response) -> TestClient:
    async def answer(_: Request) -> Response:
        return response

    routes = [Route("/", answer, methods=["GET", "POST"]), Route("/other", answer)]
    return TestClient(PageHead(Starlette(routes=routes), "<title>Ours</title>"))


def test_the_preview_is_replaced() -> None:
    answer = client(HTMLResponse(PAGE)).get("/")
    assert answer.text == "<head><title>Ours</title></head>hi"
    assert answer.headers["content-length"] == str(len(answer.content))


def test_a_page_that_comes_in_pieces_is_changed_too() -> None:
    pieces = StreamingResponse(iter([PAGE[:20], PAGE[20:60], PAGE[60:]]), media_type="text/html")
    assert client(pieces).get("/").text == "<head><title>Ours</title></head>hi"


@pytest.mark.parametrize("response", [PlainTextResponse(PAGE), HTMLResponse(PAGE, headers={"content-encoding": "x"})])
def test_what_is_not_a_readable_page_is_left_alone(response: Response) -> None:
    with client(response).stream("GET", "/") as answer:
        assert b"".join(answer.iter_raw()) == PAGE.encode()


def test_other_paths_and_methods_are_left_alone() -> None:
    answer = client(HTMLResponse(PAGE))
    assert answer.get("/other").text == PAGE
    assert answer.post("/").text == PAGE
