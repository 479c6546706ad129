"""Every parser of outside text against spoilt samples; `python -m tests.fuzz` tries more."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.table import TARGETS
from tests.fuzz.target import Target

EXAMPLES = 40


@pytest.mark.timeout(120)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_any_text_is_read_or_refused(target: Target) -> None:
    slow = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    slow(given(target.examples)(target.check))()
