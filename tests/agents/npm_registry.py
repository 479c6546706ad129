"""A package registry on loopback with one made-up agent: a launcher, and its native program."""

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LAUNCHER, NATIVE = "@ao/agent", "@ao/agent-native"


@dataclass(slots=True)
class Registry:
    url: str = ""
    tarballs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def publish(self, name: str, version: str, files: dict[str, str], **manifest: Any) -> str:
        """Publish a version; the base64 digest that npm will find."""
        manifest = {"name": name, "version": version, **manifest}
        packed = _pack({"package.json": json.dumps(manifest), **files})
        digest = base64.b64encode(hashlib.sha512(packed).digest()).decode()
        path = f"/{name}/-/{version}.tgz"
        self.tarballs[path] = packed
        dist = {"tarball": self.url + path, "integrity": f"sha512-{digest}"}
        document = self.manifests.setdefault(name, {"name": name, "versions": {}})
        document["versions"][version] = {**manifest, "dist": dist}
        document["dist-tags"] = {"latest": version}
        return digest

    def publish_agent(self, version: str) -> dict[str, str]:
        """Both packages of the agent; their digests by name."""
        native = self.publish(
            NATIVE, version, {"agent": f"#!/bin/sh\necho agent {version}\n"}, os=["linux", "darwin"]
        )
        launcher = self.publish(
            LAUNCHER,
            version,
            {"install.sh": "touch ../../../scripts-were-run\n"},
            optionalDependencies={NATIVE: version},
            scripts={"postinstall": "sh install.sh"},
            engines={"node": ">=99"},
        )
        return {LAUNCHER: launcher, NATIVE: native}


@contextmanager
def npm_registry() -> Iterator[Registry]:
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.replace("%2f", "/").replace("%2F", "/")
            registry.requests.append(path)
            body = registry.tarballs.get(path)
            if body is None and path[1:] in registry.manifests:
                body = json.dumps(registry.manifests[path[1:]]).encode()
            self.send_response(404 if body is None else 200)
            self.send_header("content-length", str(len(body or b"{}")))
            self.end_headers()
            self.wfile.write(body or b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
            """Silence: the tests read `requests`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    registry.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _pack(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size, entry.mode = len(text), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()
