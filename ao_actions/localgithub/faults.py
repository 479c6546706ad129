"""Faults by rule: what the local GitHub is to get wrong, and how often it did.

A rule says which requests it is for and what becomes of them. Of several that fit a request the
first one strikes. The named answers have the words and headers of GitHub's own (REST docs,
"Rate limits for the REST API"; GraphQL docs, "Rate limits and query limits").
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

_ANSWERS_KEPT = 50  # of each read, for stale ones
_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Unicorn! · GitHub</title></head><body>...</body></html>"
)
_WRONG = (
    "Something went wrong while executing your query. This may be the result of a timeout, or "
    "it could be a GitHub bug. Please include `0000:0000:0000` when reporting this issue."
)
_SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)

Answer = tuple[int, Any, dict[str, str]]

ANSWERS: dict[str, Answer] = {
    "server-error": (500, {"message": "Server Error"}, {}),
    "html": (502, _PAGE, {"Content-Type": "text/html; charset=utf-8"}),
    "not-json": (200, '{"message": "tru', {}),
    "secondary-limit": (403, {"message": _SECONDARY}, {}),
    "primary-limit": (
        403,
        {"message": "API rate limit exceeded for user ID 1."},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "+3600"},
    ),
    "forbidden": (403, {"message": "Resource not accessible by integration"}, {}),
    "not-found": (404, {"message": "Not Found"}, {}),
    "went-wrong": (502, {"data": None, "errors": [{"message": _WRONG}]}, {}),
    "resource-limits": (
        200,
        {
            "data": {"repository": None},
            "errors": [
                {
                    "type": "RESOURCE_LIMITS_EXCEEDED",
                    "message": "Resource limits for this query exceeded.",
                }
            ],
        },
        {},
    ),
}


@dataclass
class Fault:
    """One rule. What is not given fits every request, and changes nothing.

    `method`, `path` and `operation` are regular expressions for the whole of it: the path
    without `/api/v3`; the name of a GraphQL operation, or one of its fields at the top. git asks
    for `/OWNER/REPO.git/info/refs`, `.../git-upload-pack` and `.../git-receive-pack`.
    """

    method: str = ""
    path: str = ""
    status: int | None = None  # answered instead, with `body` (JSON, or a text as it is)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)  # X-RateLimit-Reset: +30 is from now
    times: int | None = 1  # how often it strikes; None: for ever
    operation: str = ""
    nth: int = 1  # the first of the calls that fit which it may strike
    probability: float = 1.0
    answer: str = ""  # one of ANSWERS: status, body and headers that are not given
    after: bool = False  # the work is done before it strikes
    latency: float = 0.0  # seconds
    drop: bool = False  # the connection ends without an answer
    cut: int | None = None  # bytes of the answer's body that arrive
    stale_calls: int = 0  # a read is answered as it was so many calls ago ...
    stale_seconds: float = 0.0  # ... or as it was when it was last asked, so long ago
    seen: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        if self.answer:
            if self.answer not in ANSWERS:
                raise ValueError(f"answer: {self.answer!r} is none of {', '.join(ANSWERS)}")
            status, body, headers = ANSWERS[self.answer]
            self.status = self.status or status
            self.body = body if self.body is None else self.body
            self.headers = {**headers, **self.headers}
        for name in ("method", "path", "operation"):
            try:
                re.compile(getattr(self, name))
            except (re.error, TypeError) as error:
                raise ValueError(f"{name}: not a regular expression: {error}") from None

    @property
    def stale(self) -> bool:
        return bool(self.stale_calls or self.stale_seconds)

    @property
    def works(self) -> bool:
        """Whether the request does its work: always, where only the answer is touched."""
        return self.after or (self.status is None and not self.drop)

    def text(self) -> bytes:
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps({} if self.body is None else self.body).encode()

    def answered(self, now: datetime) -> dict[str, str]:
        """Its headers; times that are given from now are put in GitHub's form."""
        media = {"Content-Type": "application/json; charset=utf-8"}
        given = {
            name: str(int(now.timestamp()) + int(value)) if value.startswith("+") else value
            for name, value in self.headers.items()
        }
        return {**media, **given}

    def describe(self) -> str:
        what = self.answer or self.status or ""
        deeds = [
            f"{'after: ' if self.after else ''}{what}".strip(": ") if what else "",
            "drop" + (" after" if self.after else "") if self.drop else "",
            f"cut at {self.cut}" if self.cut is not None else "",
            f"{self.latency:g} s late" if self.latency else "",
            "stale" if self.stale else "",
        ]
        where = " ".join(filter(None, [self.method, self.path, self.operation])) or "everything"
        return f"{where}: {', '.join(filter(None, deeds)) or 'nothing'}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as rules see it. `key` tells equal reads; "" for what is no read."""

    method: str
    path: str
    operations: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as it was."""

    at: datetime
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Faults(list[Fault]):
    """The rules of a server. Chances are drawn from `seed`, so a run can be had again."""

    def __init__(self, rules: Iterable[Fault] = (), *, seed: int = 0) -> None:
        super().__init__(rules)
        self._chance = random.Random(seed)  # noqa: S311 - no secret depends on it
        self._told: dict[str, list[Told]] = {}

    @classmethod
    def load(cls, path: Path) -> Faults:
        """From a JSON file: `{"seed": 7, "rules": [{"method": "POST", ...}, ...]}`.

        :raises ValueError: it is not one; the message names the file and the rule
        """
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from None
        if not isinstance(given, dict) or set(given) - {"seed", "rules"}:
            raise ValueError(f'{path}: must be {{"seed": 7, "rules": [...]}}')
        rules = [_rule(row, f"{path}: rule {n}") for n, row in enumerate(given.get("rules", []), 1)]
        return cls(rules, seed=given.get("seed", 0))

    def strike(self, asked: Asked) -> Fault | None:
        """The rule that this request falls to; it is counted."""
        for fault in self:
            if not _fits(fault, asked):
                continue
            fault.seen += 1
            spent = fault.times is not None and fault.times <= 0
            if spent or fault.seen < fault.nth or self._chance.random() >= fault.probability:
                continue
            if fault.stale and not self._told.get(asked.key):
                continue
            fault.times = None if fault.times is None else fault.times - 1
            fault.fired += 1
            return fault
        return None

    @property
    def remembers(self) -> bool:
        return any(fault.stale for fault in self)

    def remember(self, asked: Asked, told: Told) -> None:
        if asked.key:
            answers = self._told.setdefault(asked.key, [])
            answers.append(told)
            del answers[:-_ANSWERS_KEPT]

    def former(self, fault: Fault, asked: Asked, now: datetime) -> Told:
        """What this read was answered; where that is not so old, the oldest answer there is."""
        answers = self._told[asked.key]
        if fault.stale_calls:
            return answers[-min(fault.stale_calls, len(answers))]
        old = [told for told in answers if (now - told.at).total_seconds() >= fault.stale_seconds]
        return old[-1] if old else answers[0]

    def report(self) -> list[str]:
        return [f"{fault.describe()}: {fault.fired} of {fault.seen}" for fault in self]


def _fits(fault: Fault, asked: Asked) -> bool:
    if fault.stale and not asked.key:
        return False
    return (
        bool(re.fullmatch(fault.method or ".*", asked.method))
        and bool(re.fullmatch(fault.path or ".*", asked.path))
        and (
            not fault.operation
            or any(re.fullmatch(fault.operation, name) for name in asked.operations)
        )
    )


def _rule(row: Any, where: str) -> Fault:
    known = {each.name for each in fields(Fault)} - {"seen", "fired"}
    if not isinstance(row, dict) or set(row) - known:
        unknown = ", ".join(sorted(set(row) - known)) if isinstance(row, dict) else "not an object"
        raise ValueError(f"{where}: {unknown}; a rule has {', '.join(sorted(known))}")
    try:
        return Fault(**row)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
