"""Finds credentials, and takes them out of a log, by the shapes that their issuers gave them.

Each shape has a literal that must be there before its pattern is tried: most logs hold none,
and a search for a literal in 50 MB costs nothing. Every repetition is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MASK = "***"

_TOKENS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (
        ("PRIVATE KEY",),
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:\s{0,4}(?:Proc-Type|DEK-Info|Version|Comment): [^\n]{0,200})*"
            r"[^-]{0,9000}(?:-----END[^-\n]{0,60}-----)?"
        ),
    ),
    (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        re.compile(r"(?:gh[pousr]_[A-Za-z0-9]|github_pat_[A-Za-z0-9_])[A-Za-z0-9_.-]{15,1000}"),
    ),
    (("AKIA", "ASIA"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    (("sk-",), re.compile(r"\bsk-[A-Za-z0-9_-]{16,300}")),
    (("xox",), re.compile(r"\bxox[a-z]-[A-Za-z0-9-]{8,300}")),
    (("glpat-",), re.compile(r"\bglpat-[A-Za-z0-9_.-]{16,300}")),
    (("npm_",), re.compile(r"\bnpm_[A-Za-z0-9]{30,300}")),
    (("pypi-",), re.compile(r"\bpypi-[A-Za-z0-9_-]{30,1000}")),
    (("AIza",), re.compile(r"\bAIza[A-Za-z0-9_-]{35}")),
    (("xai-",), re.compile(r"\bxai-[A-Za-z0-9]{20,300}")),
    (("gsk_",), re.compile(r"\bgsk_[A-Za-z0-9]{20,300}")),
    (("eyJ",), re.compile(r"(?<![\w-])eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}(?:\.[\w-]{0,4000})?")),
)
_HEADER = re.compile(
    r"(\b(?:proxy-)?authorization[\"']?[ \t]{0,8}[:=][ \t]{0,8}[\"']?"
    r"(?:(?:basic|bearer|token|digest)[ \t]{1,8})?)[^\s\"'*][^\s\"']{0,8000}",
    re.IGNORECASE,
)
_URL = re.compile(r"(?<=://)[^\s/:@\"']{1,200}:[^\s/@\"'*][^\s/@\"']{0,500}(?=@)")


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """What has the shape of a token or key: what such begin with, and itself."""
    for literals, shape in _TOKENS:
        if any(literal in text for literal in literals):
            for found in shape.finditer(text):
                yield next(each for each in literals if each in found.group()), found.group()


def masked(text: str) -> str:
    for literals, shape in _TOKENS:
        if any(literal in text for literal in literals):
            text = shape.sub(MASK, text)
    if any(word in text for word in ("uthorization", "UTHORIZATION")):
        text = _HEADER.sub(rf"\1{MASK}", text)
    return _URL.sub(MASK, text) if "://" in text else text
