"""The chat page in a real Chromium with everything real: `assistant serve`, the default models, the example shop."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from assistant.settings import default_home
from benchmarks.serving import free_port, wait_until_ready
from tests.browsing import visiting

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
ASSISTANT = (sys.executable, "-c", "from ui.cli import main; main()")


def run(home: Path, *arguments: str) -> None:
    command = [*ASSISTANT, "--home", str(home), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]


@contextmanager
def real_server(home: Path) -> Iterator[str]:
    """`assistant serve` with the default models and the example knowledge base."""
    if (default_home() / "models").is_dir():
        (home / "models").symlink_to((default_home() / "models").resolve())
    else:
        run(home, "setup")
    run(home, "ingest", str(ROOT / "examples" / "knowledge"), "--source", "examples")
    port = free_port()
    command = [*ASSISTANT, "--home", str(home), "serve", "--port", str(port)]
    with (home / "serve.log").open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(lambda: server.poll() is None, url, home / "serve.log", 120)
        yield url
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.integration
def test_a_customer_is_answered_by_the_real_assistant(browser: Browser, tmp_path: Path) -> None:
    with real_server(tmp_path) as url, visiting(browser, url, locale="en-GB") as visit:
        visit.open()
        page = visit.page
        expect(page.locator(".welcome h2")).to_contain_text("Lantern & Leaf")
        expect(page.locator(".suggestion")).to_have_count(3)
        visit.watch()
        visit.ask("How many days do I have to return a lamp?")
        answer = visit.answer(1, 60)
        # A number waits for the verdict on its sentence: one sentence comes in two steps at least.
        assert len(set(visit.seen()["lengths"])) > 1, "the answer did not grow"
        expect(answer.locator(".text")).to_contain_text("30 days")
        answer.locator(".chip").first.click()
        expect(page.locator("dialog.source .passage .text")).to_contain_text("30 days")
        expect(page.locator("dialog.source mark").first).to_be_visible()
        page.keyboard.press("Escape")
        answer.hover()
        answer.get_by_label("Helpful", exact=True).click()
        page.wait_for_selector(".comment")
        visit.ask("What is the salary of your chief executive?")
        refused = visit.answer(2, 60)
        expect(refused.locator(".offer")).to_be_visible()
        refused.locator(".offer").click()
        page.click("dialog.person .primary")
        expect(page.locator(".banner")).to_contain_text("A colleague has been asked")
        page.reload()
        expect(visit.answer(1).locator(".thumb").first).to_have_attribute("aria-pressed", "true")
        assert page.locator(".row").count() == 4
