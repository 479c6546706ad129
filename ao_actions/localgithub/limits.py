"""Rate limits: counted per credential and hour, in the headers that GitHub sends.

docs: "Rate limits for the REST API", "Rate limits and query limits for the GraphQL API".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ao_actions.localgithub.access import Viewer
from ao_actions.localgithub.errors import Refusal

PER_HOUR = {"user": 5000, "app": 5000, "job": 1000}
_ANONYMOUS_PER_HOUR = 60


@dataclass
class Bucket:
    limit: int
    resource: str  # core | graphql | search
    used: int = 0
    reset: datetime = field(default_factory=lambda: datetime.fromtimestamp(0, UTC))

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Reset": str(int(self.reset.timestamp())),
            "X-RateLimit-Resource": self.resource,
        }

    def body(self) -> dict[str, int | str]:
        return {
            "limit": self.limit,
            "used": self.used,
            "remaining": self.remaining,
            "reset": int(self.reset.timestamp()),
            "resource": self.resource,
        }


class Limits:
    """One bucket per credential and resource; set `per_hour` to make a test run dry."""

    def __init__(self) -> None:
        self.per_hour: dict[str, int] = dict(PER_HOUR)
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def bucket(self, viewer: Viewer, resource: str, now: datetime) -> Bucket:
        name = viewer.token.value if viewer.token else viewer.login
        limit = _ANONYMOUS_PER_HOUR if viewer.is_anonymous else self.per_hour[viewer.kind]
        if resource == "search":
            limit = min(limit, 30)
        bucket = self._buckets.setdefault((name, resource), Bucket(limit, resource))
        bucket.limit = limit
        if now >= bucket.reset:
            bucket.used = 0
            # searches are counted by the minute
            bucket.reset = now + timedelta(minutes=1 if resource == "search" else 60)
        return bucket

    def check(self, bucket: Bucket, viewer: Viewer) -> None:
        if bucket.remaining > 0:
            return
        who = f"user ID {viewer.user.id}" if viewer.login else "127.0.0.1"
        raise Refusal(
            403,
            f"API rate limit exceeded for {who}.",
            docs="https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api",
        )
