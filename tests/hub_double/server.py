"""A local double of the Hub's client contract: what `huggingface_hub` asks over HTTP, answered from memory.

It is no Hub: no Xet, no quotas, no scanning, no widgets. Clients get `HF_ENDPOINT`, `HF_HUB_DISABLE_XET=1` and
`HF_TOKEN` in their environment before `huggingface_hub` is imported (`HubDouble.build_environment`).
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import huggingface_hub.constants

from tests.hub_double import routes
from tests.hub_double.store import HubError, HubStore


REPO = r"(?P<repo_id>[\w.-]+/[\w.-]+)"
# A Space is kept as `spaces/owner/name`, as its pages are named too.
API = r"/api/(?:models/|(?=spaces/))(?P<repo_id>(?:spaces/)?[\w.-]+/[\w.-]+)"
ROUTES = [
    ("GET", r"/api/whoami-v2", routes.answer_whoami),
    ("POST", r"/api/repos/create", routes.create_repo),
    ("POST", r"/api/validate-yaml", routes.validate_yaml),
    ("GET", rf"{API}/refs", routes.list_refs),
    ("GET", rf"{API}(?:/revision/(?P<revision>[^/]+))?", routes.describe_repo),
    ("GET", rf"{API}/tree/(?P<revision>[^/]+)(?:/(?P<path>.+))?", routes.list_tree),
    ("POST", rf"{API}/preupload/(?P<revision>[^/]+)", routes.plan_upload),
    ("POST", rf"{API}/commit/(?P<revision>[^/]+)", routes.commit),
    ("POST", rf"{API}/branch/(?P<branch>[^/]+)", routes.create_branch),
    ("POST", rf"{API}/tag/(?P<revision>[^/]+)", routes.create_tag),
    ("POST", rf"/{REPO}\.git/info/lfs/objects/batch", routes.plan_large_upload),
    ("PUT", r"/large-files/(?P<oid>[0-9a-f]{64})", routes.store_large_file),
    ("POST", r"/large-files/(?P<oid>[0-9a-f]{64})/verify", routes.verify_large_file),
    ("GET", rf"/{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", routes.download),
]


class HubDouble(HubStore):
    """The double, running on a free local port while used as a context manager.

    Attributes:
        requests: Method and path of every request, in order.
    """

    def __init__(self):
        super().__init__()
        self.requests: list[str] = []
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "HubDouble":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exception) -> None:
        self._server.shutdown()
        self._server.server_close()

    def build_environment(self, token: str | None = None) -> dict[str, str]:
        """Return the variables that make a new process talk to this double."""
        variables = {"HF_ENDPOINT": self.url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
        return {**variables, "HF_TOKEN": token} if token else variables


def point_client_at(hub: HubDouble, monkeypatch) -> None:
    """Make `huggingface_hub` of this process talk to the double, and forget the tokens of this machine."""
    values = {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": True,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_OFFLINE": False,
    }
    for name, value in values.items():
        monkeypatch.setattr(huggingface_hub.constants, name, value)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: ClassVar[HubDouble]

    def _answer(self) -> None:
        content = self._read_body()
        address = urlsplit(self.path)
        self.hub.requests.append(f"{self.command} {self.path}")
        try:
            request = routes.Request(self.hub, self._find_user(), content, parse_qs(address.query))
            with self.hub.lock:
                status, body, headers = self._route(request, address.path)
        except HubError as error:
            status, body = error.status, {"error": error.message, **error.body}
            headers = {"X-Error-Message": error.message} | ({"X-Error-Code": error.code} if error.code else {})
        self._send(status, body, headers)

    def _route(self, request: "routes.Request", path: str) -> tuple[int, object, dict[str, str]]:
        method = "GET" if self.command == "HEAD" else self.command
        for wanted, pattern, answer in ROUTES:
            match = re.fullmatch(pattern, path) if wanted == method else None
            if match:
                answered = answer(request, **{k: v and unquote(v) for k, v in match.groupdict().items()})
                return answered if isinstance(answered, tuple) else (200, answered, {})
        raise HubError(404, f"The double does not know {self.command} {path}.")

    def _find_user(self):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return None
        if token not in self.hub.users:
            raise HubError(401, "Invalid credentials in Authorization header")
        return self.hub.users[token]

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, body: object, headers: dict[str, str]) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        headers = {"Content-Length": str(len(content)), "Content-Type": "application/json", **headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, *arguments) -> None:
        """Stay silent; `HubDouble.requests` is the log."""
