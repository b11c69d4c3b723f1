"""How long after its script has arrived does the widget's button stand on the page? And how large is the script?

    python -m benchmarks.widget_paint [--home FOLDER] [--visits 15]

Real `assistant serve`, real Chromium, the demo page, every visit with an empty cache. Milliseconds from the end of the
script's download until the first frame after the widget was attached has been handed to the screen: a task posted in
that frame runs right after it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
from pathlib import Path

import httpx
import numpy as np
from playwright.sync_api import Browser, sync_playwright

from benchmarks.serving import server
from benchmarks.widget_disconnects import prepared

MOST_MS = 100
FLAGS = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update".split()
WATCH = """
new MutationObserver((_, watcher) => {
  if (!document.querySelector("assistant-widget")) return;
  watcher.disconnect();
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { window.paintedAt = performance.now(); };
    port2.postMessage(0);
  });
}).observe(document, { childList: true, subtree: true });
"""
# Not wait_for_function: the page's policy forbids the eval by which it looks again.
PAINTED = """() => new Promise((done) => {
  const look = () => (window.paintedAt ? done() : requestAnimationFrame(look));
  look();
})"""
MEASURE = "paintedAt - performance.getEntriesByType('resource').find((e) => e.name.endsWith('/widget.js')).responseEnd"


def visit(browser: Browser, url: str) -> float:
    """Milliseconds of one visit."""
    with browser.new_context() as window:
        window.add_init_script(WATCH)
        page = window.new_page()
        page.goto(f"{url}/widget/demo")
        page.evaluate(PAINTED)
        return float(page.evaluate(MEASURE))


def main() -> None:
    """Print the result as JSON; exit 1 when the median is over MOST_MS."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path)
    parser.add_argument("--visits", type=int, default=15)
    given = parser.parse_args()
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with prepared(given.home) as home, server(home, home / "serve.log") as running, sync_playwright() as playwright:
        script = httpx.get(f"{running.url}/widget.js").content
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        found = [visit(browser, running.url) for _ in range(given.visits)]
        browser.close()
    p50, p95 = np.percentile(found, [50, 95])
    result = {"visits": len(found), "paint_ms": {"p50": round(p50, 1), "p95": round(p95, 1)}}
    print(json.dumps(result | {"bytes": len(script), "gzipped": len(gzip.compress(script, 9))}, indent=2))
    raise SystemExit(p50 > MOST_MS)


if __name__ == "__main__":
    main()
