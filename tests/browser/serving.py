"""The built site as a reader gets it: under a sub-path, compressed, in a real browser."""

import fcntl
import functools
import gzip
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lora_ref.site.pack import pack
from lora_ref.site.project import find_project

ROOT = find_project(Path(__file__).parent).root
DOCS = ROOT / "docs"
SCREENSHOTS = ROOT / "artifacts" / "screenshots"
SITE_URL = "https://lora.example/lesson/"  # one build for all test processes; each serves it as its own
SUB_PATH = "/lesson/"
NARROW = 704  # px: below it figures take their narrow drawing, 44em in site.css

# "" is the first page; the others end in a slash.
PAGES = sorted(
    "" if path.name == "index.md" and path.parent == DOCS else f"{path.relative_to(DOCS).with_suffix('').as_posix()}/"
    for path in DOCS.rglob("*.md")
)
BESIDE = ("reference/", "answers/", "progress/", "certificate/", "code/")  # no chapters
CHAPTERS = [page for page in PAGES if page and not page.startswith(BESIDE)]


def name_of(page: str) -> str:
    return page.rstrip("/").replace("/", "-") or "index"


def source_of(page: str) -> Path:
    return DOCS / f"{page.rstrip('/') or 'index'}.md"


def once(factory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first of several test processes fills and the others find filled."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            done.touch()
    return folder


def mkdocs(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", *arguments],
        cwd=cwd,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def build(folder: Path) -> None:
    result = mkdocs("--site-dir", str(folder), SITE_URL=SITE_URL)
    assert result.returncode == 0, result.stderr
    pack(folder)


def built_site(factory) -> Path:
    return once(factory, "site", build)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files under the sub-path, text compressed; everything else is not there."""

    protocol_version = "HTTP/1.1"
    packed: dict[Path, bytes]

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.split("?")[0].split("#")[0]
        file = Path(self.directory) / path.removeprefix(SUB_PATH)
        if path.startswith(SUB_PATH) and file.is_dir() and not path.endswith("/"):
            self.send_response(301)
            self.send_header("Location", f"{path}/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        file = file / "index.html" if path.endswith("/") else file
        found = path.startswith(SUB_PATH) and file.is_file()
        file = file if found else Path(self.directory) / "404.html"
        body = self.body(file)
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", self.guess_type(str(file)))
        if is_text(file):
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self, file: Path) -> bytes:
        if file not in self.packed:
            data = file.read_bytes()
            if file.suffix in (".html", ".xml"):  # as if built for this address: instant navigation compares it
                data = data.replace(SITE_URL.encode(), f"http://{self.headers['Host']}{SUB_PATH}".encode())
            self.packed[file] = gzip.compress(data) if is_text(file) else data
        return self.packed[file]


def is_text(file: Path) -> bool:
    return file.suffix in {".html", ".css", ".js", ".json", ".svg", ".xml", ".csv", ".md", ".map", ".yml"}


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The address of the site's first page while it is served."""
    handler = type("SiteHandler", (Handler,), {"packed": {}})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}{SUB_PATH}"
    server.shutdown()
    server.server_close()


class Watch:
    """What must not happen on a page: errors, and requests to another host."""

    def __init__(self, context, address: str):
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.home = re.match(r"https?://[^/]+/", address)[0]
        context.on("page", self.page)
        context.on("request", self.request)
        context.on("response", self.response)

    def page(self, page):
        page.on("pageerror", lambda error: self.problems.append(f"error on {page.url}: {error}"))
        page.on("console", lambda message: self.console(page, message))

    def console(self, page, message):
        if message.type in ("error", "warning") and "willReadFrequently" not in message.text:
            self.problems.append(f"{message.type} on {page.url}: {message.text}")

    def request(self, request):
        self.requests.append(request.url)
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.problems.append(f"a request to another host: {request.url}")

    def response(self, response):
        if response.status >= 400:
            self.problems.append(f"{response.status}: {response.url}")
