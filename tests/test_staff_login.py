"""The way into the desk: form, cookie, limits; and the guard that lets nobody else see the page."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from assistant.store_staff import add_staff
from tests.web import Site, site
from ui.staff_login import PER_MINUTE

PASSWORD = "lamps and leaves"


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("shop")) as running:
        add_staff(running.store, "Aoife", PASSWORD)
        yield running


def test_the_cookie_is_closed_to_scripts_and_other_sites(shop: Site) -> None:
    answer = shop.client.post("/desk/login", data={"name": "Aoife", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "aoife" not in cookie
    page = shop.client.get("/desk/")
    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"


def test_strangers_are_sent_to_the_form_and_see_nothing(shop: Site) -> None:
    assert shop.client.get("/desk").headers["location"] == "/desk/"
    assert shop.client.get("/desk/").headers["location"] == "/desk/login"
    form = shop.client.get("/desk/login", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "登录" in form.text and 'lang="zh-Hans"' in form.text
    assert "frame-ancestors 'none'" in form.headers["content-security-policy"]
    for path in ("/desk/config", "/desk/gradio_api/queue/data", "/desk/gradio_api/heartbeat/x"):
        assert shop.client.get(path).status_code == 401, path
    for path in ("/desk/gradio_api/upload", "/desk/gradio_api/info", "/desk/file=/etc/passwd", "/desk/x"):
        assert shop.client.get(path).status_code == 404, path
    assert shop.client.post("/desk/gradio_api/queue/join", json={}).status_code == 401


def test_what_the_desk_does_not_need_is_closed_to_staff_too(shop: Site) -> None:
    shop.client.post("/desk/login", data={"name": "Aoife", "password": PASSWORD})
    for path in ("/desk/gradio_api/upload", "/desk/gradio_api/info", "/desk/gradio_api/proxy=http://169.254.169.254/"):
        assert shop.client.get(path).status_code == 404, path
    crossed = {"Origin": "https://evil.example"}
    assert shop.client.post("/desk/gradio_api/queue/join", json={}, headers=crossed).status_code == 403


def test_a_wrong_password_says_so_and_too_many_have_to_wait(shop: Site) -> None:
    for _ in range(PER_MINUTE):
        answer = shop.client.post("/desk/login", data={"name": "Aoife", "password": "<script>"})
        assert answer.status_code == 401 and "wrong" in answer.text and "<script>alert" not in answer.text
        assert "set-cookie" not in answer.headers
    answer = shop.client.post("/desk/login", data={"name": "Aoife", "password": PASSWORD})
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1


def test_another_site_cannot_log_anybody_in(shop: Site) -> None:
    data = {"name": "Aoife", "password": PASSWORD}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert shop.client.post("/desk/login", data=data, headers=headers).status_code == 403
    with httpx.Client(base_url=shop.url) as client:
        assert client.post("/desk/login", content=b"\xff\x00=", headers={"Origin": shop.url}).status_code == 401
