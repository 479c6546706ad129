"""Keys and tokens in what an agent made: only what has the shape of one, for a false alarm costs
a human's time. Who wants to hide a secret can; this is against carelessness.

The shapes are those of bc-detect-secrets (Checkov's, which is kept up) and of `core.masking`.
No comment in a line turns it off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from ao_actions.core import masking

if TYPE_CHECKING:
    from detect_secrets.plugins.base import RegexBasedDetector

# Lines are read in pieces that overlap, so that no pattern runs over megabytes.
PIECE = 4000
OVERLAP = 1000
_NAMES = {
    "PRIVATE KEY": "private key",
    "AKIA": "AWS access key",
    "ASIA": "AWS access key",
    "xox": "Slack token",
    "glpat-": "GitLab token",
    "npm_": "npm token",
    "pypi-": "PyPI token",
    "AIza": "Google API key",
    "xai-": "xAI key",
    "gsk_": "Groq key",
    "sk-": "model provider's key",
    "eyJ": "JSON Web Token",
}
# Of a URL: passwords that only stand for one, and hosts that are nobody's.
_STAND_IN = re.compile(r"[{<%].*|[xX.]+|pass(?:word)?|secret|example")
_NOBODYS = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\]|(?:[\w-]+\.)*example\.\w+)\b")


def find(line: str) -> tuple[str, ...]:
    """What kinds of credentials a line holds."""
    return tuple(dict.fromkeys(kind for kind, _ in _found(line)))


def masked(text: str) -> str:
    """A text without them."""
    text = masking.masked(text)
    for _, secret in _found(text):
        text = text.replace(secret, masking.MASK)
    return text


def _found(text: str) -> Iterator[tuple[str, str]]:
    for start in range(0, max(len(text) - OVERLAP, 1), PIECE - OVERLAP):
        piece = text[start : start + PIECE]
        for literal, token in masking.tokens(piece):
            # `sk-` begins many a name; a key has digits
            if literal != "sk-" or sum(map(str.isdigit, token)) > 1:
                yield _NAMES.get(literal, "GitHub token"), token
        for detector in _detectors():
            for secret in detector.analyze_string(piece):
                if "Basic Auth" not in detector.secret_type or _is_password(piece, secret):
                    yield detector.secret_type, secret


def _is_password(text: str, secret: str) -> bool:
    host = text.partition(f":{secret}@")[2]
    return not _STAND_IN.fullmatch(secret) and not _NOBODYS.match(host)


@cache
def _detectors() -> tuple[RegexBasedDetector, ...]:
    """Those whose pattern alone tells a secret; the others look at names of variables, or guess."""
    from detect_secrets.plugins import (
        aws,
        basic_auth,
        discord,
        jwt,
        mailchimp,
        sendgrid,
        slack,
        square_oauth,
        stripe,
        twilio,
    )

    return (
        aws.AWSKeyDetector(),
        basic_auth.BasicAuthDetector(),
        discord.DiscordBotTokenDetector(),
        jwt.JwtTokenDetector(),
        mailchimp.MailchimpDetector(),
        sendgrid.SendGridDetector(),
        slack.SlackDetector(),
        square_oauth.SquareOAuthDetector(),
        stripe.StripeDetector(),
        twilio.TwilioKeyDetector(),
    )
