"""GitHub's expression language, as its docs describe it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ao_actions.localgithub.actions import expressions, values
from ao_actions.localgithub.actions.expressions import ExpressionError, Scope, evaluate

CONTEXTS: dict[str, Any] = {
    "github": {
        "ref": "refs/heads/main",
        "event": {
            "action": "labeled",
            "issue": {"number": 7, "labels": [{"name": "ao"}, {"name": "Bug"}], "title": "it's"},
        },
    },
    "inputs": {"dry": True, "text": "", "n": 3},
    "needs": {"plan": {"result": "success", "outputs": {"items": '[{"n": 1}, {"n": 2}]'}}},
}
SCOPE = Scope(CONTEXTS, {"success": lambda: True, "failure": lambda: False, "always": lambda: True})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'it''s'", "it's"),
        ("1.5e1", 15),
        ("0xff", 255),
        ("-3", -3),
        ("true", True),
        ("null", None),
        ("github.ref", "refs/heads/main"),
        ("github['REF']", "refs/heads/main"),
        ("GitHub.Event.Issue.Number", 7),
        ("github.event.nothing.more", None),
        ("github.event.issue.labels[1].name", "Bug"),
        ("github.event.issue.labels[9].name", None),
        ("github.event.issue.labels.*.name", ["ao", "Bug"]),
        ("contains(github.event.issue.labels.*.name, 'bug')", True),
        ("contains('Hello', 'ELL')", True),
        ("contains('Hello', 'x')", False),
        ("startsWith(github.ref, 'refs/heads/')", True),
        ("endsWith('abc', 'BC')", True),
        ("format('{0} {{x}} {1}', 'a', 2)", "a {x} 2"),
        ("join(github.event.issue.labels.*.name, '+')", "ao+Bug"),
        ("fromJSON(needs.plan.outputs.items)[1].n", 2),
        ("toJSON(inputs.n)", "3"),
        ("case(false, 'a', true, 'b', 'c')", "b"),
        ("'A' == 'a'", True),
        ("1 == '1'", True),
        ("null == ''", True),
        ("'abc' == 0", False),
        ("1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3", True),
        ("1 != 2", True),
        ("!inputs.text", True),
        ("inputs.dry && 'dry' || 'wet'", "dry"),
        ("inputs.text || 'default'", "default"),
        ("(1 == 2) || !(true && false)", True),
        ("'a' && 0", 0),
    ],
)
def test_values(source: str, value: Any) -> None:
    result = evaluate(source, SCOPE)
    assert result == value
    assert isinstance(result, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    "source",
    ["", "'open", "a b", "nope.x", "what()", "1 +", "fromJSON('{')", "github.", "contains()"],
)
def test_what_is_refused(source: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(source, SCOPE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${{ inputs.dry }}", True),
        ("a ${{ inputs.n }} ${{ inputs.dry }} z", "a 3 true z"),
        ("${{ 'a }} b' }}", "a }} b"),
        ("x${{ inputs.nothing }}", "x"),
        (5, 5),
    ],
)
def test_interpolation(text: Any, value: Any) -> None:
    assert expressions.interpolate(text, SCOPE) == value


@pytest.mark.parametrize(
    ("source", "succeeded", "wanted"),
    [
        (None, True, True),
        (None, False, False),
        ("true", False, False),
        ("always()", False, True),
        ("${{ always() && github.event.action == 'labeled' }}", False, True),
        ("!failure()", False, True),
        ("github.event.action == 'opened'", True, False),
        (True, True, True),
        (False, True, False),
    ],
)
def test_conditions_ask_for_success_unless_told(
    source: Any, *, succeeded: bool, wanted: bool
) -> None:
    scope = Scope(CONTEXTS, dict(SCOPE.functions) | {"success": lambda: succeeded})
    assert expressions.condition(source, scope) is wanted


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        12,
        1.5,
        "plain",
        "it's",
        "a\nb",
        "${{ evil }} }}",
        {"a": {"b": [{}, {"c": "}} '{{"}]}},
        ["😀", "\u2028"],
    ],
)
def test_literals_come_back_and_never_end_an_expression_early(value: Any) -> None:
    text = values.literal(value)
    assert "}}" not in text
    assert "{{" not in text
    assert evaluate(text, SCOPE) == value
    json.dumps(text)
