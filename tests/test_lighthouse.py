"""What Lighthouse says of the first page, the heaviest chapter and the playground, as its phone loads them.

Lighthouse comes from npm into .cache/, once: about 30 MB. It drives the Chromium of all tests.
"""

import datetime
import json
import shutil
import socket
import statistics
import subprocess

import pytest
from browser.serving import CHAPTERS, ROOT
from test_budgets import SHIFT, packed

from lora_ref.site.figures import find_browser

pytestmark = pytest.mark.alone

VERSION = "12.8.2"
FOLDER = ROOT / ".cache" / f"lighthouse-{VERSION}"
RUNS, SECONDS, FETCH_SECONDS = 3, 90, 300
FAST, FLOOR, ACCESSIBLE = 0.95, 0.80, 1.00
# Lighthouse takes scripts to be four times slower than here. That makes its phone out of a "high-end desktop", which has
# a benchmarkIndex from 1500 on (docs/throttling.md in its source). Other processes at work lower the index, too.
CALIBRATED = 1500
METRICS = {
    "lcp_ms": "largest-contentful-paint",
    "blocked_ms": "total-blocking-time",
    "shift": "cumulative-layout-shift",
}
# Until this day a machine may be without npm or its registry; from then on that is an error.
UNTIL = datetime.date(2027, 5, 31)


def not_here(reason: str):
    assert datetime.date.today() <= UNTIL, f"{reason}; this was excused until {UNTIL}: install it, or decide anew"
    pytest.skip(f"{reason}; excused until {UNTIL}")


@pytest.fixture(scope="module")
def lighthouse() -> list[str]:
    """The command."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        not_here("expected node and npm in PATH, found " + ("no npm" if node else "no node"))
    if not FOLDER.exists():
        part = FOLDER.with_name(f"{FOLDER.name}.part")
        part.mkdir(parents=True, exist_ok=True)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
        try:
            subprocess.run(
                [npm, "install", "--prefix", part, *options, f"lighthouse@{VERSION}"],
                check=True,
                capture_output=True,
                text=True,
                timeout=FETCH_SECONDS,
            )
        except subprocess.TimeoutExpired:
            not_here(f"npm brought no Lighthouse within {FETCH_SECONDS} s")
        except subprocess.CalledProcessError as error:
            not_here(f"npm brought no Lighthouse: {' '.join(error.stderr.split())[:200]}")
        part.rename(FOLDER)
    return [node, str(FOLDER / "node_modules" / "lighthouse" / "cli" / "index.js")]


def report(chromium, command: list[str], url: str) -> dict | None:
    """One visit with an empty cache, in a browser of its own; None where it took too long."""
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        port = any_port.getsockname()[1]
    kind = chromium.browser_type
    path, options = find_browser(kind.executable_path), [f"--remote-debugging-port={port}"]
    browser = kind.launch(executable_path=path, args=options)
    try:
        result = subprocess.run(
            [*command, url, f"--port={port}", "--output=json", "--quiet", "--no-enable-error-reporting"]
            + ["--form-factor=mobile", "--only-categories=performance,accessibility"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None
    finally:
        browser.close()
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout)


@pytest.fixture(scope="module", params=["index", "heaviest", "playground"])
def page(request, site) -> str:
    """The heaviest chapter is the one whose text takes the most bytes on the wire: it has the most nodes, too."""
    heaviest = max(CHAPTERS, key=lambda page: packed(site / page / "index.html"))
    return {"index": "", "heaviest": heaviest, "playground": "playground/"}[request.param]


@pytest.fixture(scope="module")
def reports(chromium, address, lighthouse, page) -> list[dict]:
    """Of each visit that came to its end."""
    found = [one for _ in range(RUNS) if (one := report(chromium, lighthouse, address + page))]
    assert found, f"none of {RUNS} runs of Lighthouse on {page or 'index'} was done within {SECONDS} s"
    return found


def test_accessible(reports, page):
    failing = {
        f"{audit['id']}: {item['node']['snippet'][:200]}"
        for one in reports
        for ref in one["categories"]["accessibility"]["auditRefs"]
        if ref["weight"] and (audit := one["audits"][ref["id"]])["score"] == 0
        for item in audit["details"]["items"]
    }
    scores = [one["categories"]["accessibility"]["score"] for one in reports]
    assert scores == [ACCESSIBLE] * len(reports), f"{page or 'index'}: {scores}\n" + "\n".join(sorted(failing))


def test_nothing_moves(reports):
    assert max(one["audits"]["cumulative-layout-shift"]["numericValue"] for one in reports) <= SHIFT


def test_fast(reports, page, capsys):
    """The median visit; what does not reach the score counts where this machine can tell."""
    scores = [one["categories"]["performance"]["score"] for one in reports]
    speeds = [round(one["environment"]["benchmarkIndex"]) for one in reports]
    metrics = {
        name: [round(one["audits"][audit]["numericValue"], 3) for one in reports] for name, audit in METRICS.items()
    }
    said = f"{page or 'index'}: performance {scores}, {metrics}, benchmarkIndex {speeds}"
    with capsys.disabled():
        print(f"\nLighthouse, {said}")
    fast = statistics.median(scores) >= FAST
    if not fast and (len(reports) < RUNS or min(speeds) < CALIBRATED):
        pytest.skip(f"not {FAST}, but this machine is too slow or too busy to tell (below {CALIBRATED}): {said}")
    if FLOOR <= statistics.median(scores) < FAST:  # no calibrated machine has judged these pages yet
        not_here(f"performance is below {FAST}: {said}")
    assert fast, said
