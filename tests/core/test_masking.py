"""Credentials are known by the shapes that their issuers gave them."""

import pytest

from ao_actions.core import masking


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nothing here", []),
        ("k = ghp_" + "a1" * 18, [("ghp_", "ghp_" + "a1" * 18)]),
        ("ghs_" + "b2" * 300, [("ghs_", "ghs_" + "b2" * 300)]),
        (
            "xai-" + "c" * 30 + " gsk_" + "d" * 30,
            [("xai-", "xai-" + "c" * 30), ("gsk_", "gsk_" + "d" * 30)],
        ),
        ("ghp_short xai-short", []),
    ],
)
def test_tokens(text: str, found: list[tuple[str, str]]) -> None:
    assert list(masking.tokens(text)) == found
    for _, token in found:
        assert token not in masking.masked(text)
