"""Deliveries to a repository's hooks, signed as GitHub signs them, in the background.

docs: "Validating webhook deliveries" (X-Hub-Signature-256) and "Webhook events and payloads"
(delivery headers). A delivery is tried once, as GitHub does, and its result kept.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from ao_actions.localgithub.model import Event, Hook
from ao_actions.localgithub.world import World

_TIMEOUT = 10.0  # seconds, GitHub's own


@dataclass(frozen=True, slots=True)
class Delivery:
    hook_id: int
    guid: str
    event: str
    action: str | None
    status_code: int  # 0: not reached


class Webhooks:
    def __init__(self, world: World) -> None:
        self.deliveries: list[Delivery] = []
        self._world = world
        self._queue: queue.Queue[tuple[Hook, Event] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="localgithub-hooks", daemon=True)
        self._thread.start()
        world.subscribe(self._take)

    def _take(self, event: Event) -> None:
        with self._world.lock:
            repo = self._world.repositories.get(event.repository)
            hooks = list(repo.hooks) if repo else []
        for hook in hooks:
            if hook.active and ({"*", event.name} & set(hook.events)):
                self._queue.put((hook, event))

    def _run(self) -> None:
        with httpx.Client(timeout=_TIMEOUT, trust_env=False) as client:
            while (item := self._queue.get()) is not None:
                hook, event = item
                self.deliveries.append(_deliver(client, hook, event))
                self._queue.task_done()
            self._queue.task_done()

    def drain(self) -> None:
        """Waits until every delivery of what has been emitted was tried."""
        self._world.drain()
        self._queue.join()

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()


def signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _deliver(client: httpx.Client, hook: Hook, event: Event) -> Delivery:
    text = json.dumps(event.payload, separators=(",", ":"))
    if hook.content_type == "form":
        media, body = "application/x-www-form-urlencoded", urlencode({"payload": text}).encode()
    else:
        media, body = "application/json", text.encode()
    guid = str(uuid.uuid4())
    headers = {
        "Content-Type": media,
        "User-Agent": "GitHub-Hookshot/local",
        "X-GitHub-Event": event.name,
        "X-GitHub-Delivery": guid,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }
    if hook.secret:
        headers["X-Hub-Signature-256"] = signature(hook.secret, body)
    try:
        status = client.post(hook.url, content=body, headers=headers).status_code
    except httpx.HTTPError:
        status = 0
    return Delivery(hook.id, guid, event.name, event.action, status)
