"""Red checks by table (triage_cases/*.yml), and what no text can bring about."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ao_actions.core import joblog
from ao_actions.core.triage import (
    Annotation,
    Do,
    FailedCheck,
    Kind,
    Source,
    Step,
    judge,
    triage,
)
from ao_actions.core.trouble import REFUSALS, TROUBLE
from tests.core.triaged import cases

CASES = cases()
RAN = (Step(name="Set up job", conclusion="SUCCESS"), Step(name="Run it", conclusion="FAILURE"))
CERTAIN = joblog.JobLog(text="m.py:1:8: F401", failures=("ruff: m.py F401",), certain=True)


def a_job(name: str = "test", **facts) -> FailedCheck:
    return FailedCheck(
        **{"name": name, "source": Source.JOB, "conclusion": "FAILURE", "run_id": 1, "steps": RAN}
        | facts
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_check_is_judged(case) -> None:
    verdict = case.verdict()
    assert (verdict.kind, verdict.do) == case.expected, verdict.because
    assert verdict.because.startswith(f"{case.check.name}: ")
    assert bool(verdict.ask) == (verdict.do is Do.ASK) or verdict.do is Do.WAIT
    assert len(verdict.signature) == 12


def test_the_table_has_every_kind_and_every_answer() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.expected[0] for case in CASES} == set(Kind)
    assert {case.expected[1] for case in CASES} == set(Do)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.expected[1] == Do.RERUN], ids=lambda case: case.name
)
@pytest.mark.parametrize("told_by", ["GitHub", "the ledger"])
def test_what_was_run_once_more_is_not_run_again(case, told_by) -> None:
    check, known = case.check, (case.check.name,)
    if told_by == "GitHub":
        check, known = replace(check, attempt=2), ()
    verdict = judge(check, base=case.base, reruns=known)
    began = check.steps and check.steps[0].conclusion == "SUCCESS"
    assert verdict.do is (Do.AGENT if began else Do.ASK)


# ---- text cannot excuse ---------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        "The job was not started because recent account payments have failed",
        "your spending limit needs to be increased",
        "Unable to resolve action `x/y@v1`",
        "is not allowed to be used in octo/calc",
        "lost communication with the server",
        "The runner has received a shutdown signal.",
        "exceeded the maximum execution time of 10m0s",
        "Canceling since a higher priority waiting request exists",
        "npm error code ECONNRESET",
        "no space left on device",
        "FAILED test_a.py::test_x - boom",
        "=== short test summary info ===",
        "m.py:1:8: F401 unused",
        "error TS2322: error",
        "##[error]Process completed with exit code 1.",
        "##[group]Run actions/checkout@v6",
        "passed when it was run once more",
        "0 failed",
        "ACTION_REQUIRED",
        "Set up job",
    ]
)
SAID = st.lists(st.one_of(WORDS, st.text(max_size=20)), max_size=8).map("\n".join)


RED = st.builds(
    FailedCheck,
    name=st.just("test"),
    source=st.sampled_from(Source),
    conclusion=st.sampled_from(["FAILURE", "TIMED_OUT"]),
    required=st.sampled_from([True, None]),
    steps=st.just(RAN),
    annotations=st.lists(
        st.builds(Annotation, level=st.just("failure"), message=SAID), max_size=3
    ).map(tuple),
    log=SAID.map(joblog.read),
    text=SAID,
    run_id=st.sampled_from([None, 1]),
    attempt=st.integers(1, 3),
)


@settings(deadline=None)
@given(RED, st.booleans())
def test_no_text_excuses_a_check_whose_code_has_run(check, known) -> None:
    """Whatever the code prints: an agent, or one re-run for each head."""
    verdict = judge(check, base={}, reruns=("test",) if known else ())
    if check.run_id and check.attempt == 1 and not known:
        assert verdict.do in (Do.AGENT, Do.RERUN)
    else:
        assert (verdict.kind, verdict.do) == (Kind.REAL, Do.AGENT)


@settings(deadline=None)
@given(
    said=SAID,
    conclusion=st.sampled_from(["CANCELLED", "ACTION_REQUIRED", "STARTUP_FAILURE", "STALE"]),
    source=st.sampled_from(Source),
)
def test_no_text_turns_githubs_own_word_into_nothing(said, conclusion, source) -> None:
    check = FailedCheck(name="test", source=source, conclusion=conclusion, text=said)
    assert judge(check, base={}).do is not Do.IGNORE


# ---- a whole head ---------------------------------------------------------------------------

REAL = a_job("lint", log=CERTAIN)
SUSPECT = a_job("test")
NETWORK = a_job("e2e", run_id=2, text="connect ECONNRESET")
BILLING = a_job("build", steps=(), text="your spending limit needs to be increased")
APPROVAL = FailedCheck(name="cla", source=Source.APP, conclusion="ACTION_REQUIRED")
CANCELLED = a_job("slow", conclusion="CANCELLED")
OPTIONAL = a_job("docs", required=False)


@pytest.mark.parametrize(
    ("checks", "do", "agent", "reruns"),
    [
        pytest.param([], Do.IGNORE, [], {}, id="nothing is red"),
        pytest.param([OPTIONAL], Do.IGNORE, [], {}, id="only what is not required"),
        pytest.param([REAL], Do.AGENT, ["lint"], {}, id="a real failure"),
        pytest.param([SUSPECT], Do.RERUN, [], {1: ("test",)}, id="a suspect"),
        pytest.param(
            [SUSPECT, a_job("unit"), NETWORK, OPTIONAL],
            Do.RERUN,
            [],
            {1: ("test", "unit"), 2: ("e2e",)},
            id="all that may be run again, by run",
        ),
        pytest.param(
            [SUSPECT, REAL, NETWORK, CANCELLED, APPROVAL],
            Do.AGENT,
            ["test", "lint"],
            {},
            id="an agent goes anyway, and takes the suspects along",
        ),
        pytest.param([SUSPECT, CANCELLED, APPROVAL], Do.RERUN, [], {1: ("test",)}, id="first run"),
        pytest.param([CANCELLED, APPROVAL], Do.ASK, [], {}, id="a human is asked"),
        pytest.param([CANCELLED, OPTIONAL], Do.WAIT, [], {}, id="nothing to do but wait"),
        pytest.param([REAL, SUSPECT, BILLING], Do.ASK, [], {}, id="nothing would be tested"),
        pytest.param(
            [replace(SUSPECT, run_open=True), REAL],
            Do.AGENT,
            ["test", "lint"],
            {},
            id="a suspect whose run goes on",
        ),
    ],
)
def test_a_head(checks, do, agent, reruns) -> None:
    found = triage(checks, base={})
    assert found.do is do
    assert [verdict.check.name for verdict in found.agent] == agent
    assert found.reruns == reruns
    assert [verdict.check for verdict in found.verdicts] == checks
    assert bool(found.because) == bool(checks)
    assert bool(found.ask) == (do in (Do.ASK, Do.WAIT))


@settings(deadline=None)
@given(st.lists(st.sampled_from([c.check for c in CASES]), max_size=6), st.randoms())
def test_the_order_of_checks_means_nothing(checks, random) -> None:
    shuffled = list(checks)
    random.shuffle(shuffled)
    one, other = triage(checks, base={}), triage(shuffled, base={})
    assert (one.do, set(one.because)) == (other.do, set(other.because))
    assert set(one.reruns) == set(other.reruns)


def test_the_words_of_a_reason_cannot_ping() -> None:
    verdict = judge(a_job("@maya fixes #1"), base={})
    assert "@maya" not in verdict.because


# ---- signatures -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(
            a_job(log=CERTAIN),
            a_job(log=replace(CERTAIN, text="m.py:9:8: F401")),
            True,
            id="by the failures, not by the text",
        ),
        pytest.param(a_job("t (3.11)"), a_job("t (3.12)"), True, id="one matrix"),
        pytest.param(a_job("t"), a_job("u"), False, id="two checks"),
        pytest.param(a_job(text="took 3 s"), a_job(text="took 4 s"), True, id="by its words"),
        pytest.param(a_job(text="a"), a_job(text="b"), False, id="other words"),
        pytest.param(a_job(), a_job(conclusion="TIMED_OUT"), False, id="another conclusion"),
        pytest.param(
            a_job(annotations=(Annotation(level="failure", message="line 3"),), text="a"),
            a_job(annotations=(Annotation(level="failure", message="line 4"),), text="b"),
            True,
            id="by its annotations",
        ),
        pytest.param(
            a_job(annotations=(Annotation(level="warning", message="old"),)),
            a_job(),
            True,
            id="a warning is no failure",
        ),
        pytest.param(a_job(log=joblog.JobLog()), a_job(), True, id="a log that says nothing"),
    ],
)
def test_signatures(one, other, same) -> None:
    verdicts = [judge(check, base={}) for check in (one, other)]
    assert (verdicts[0].signature == verdicts[1].signature) == same


def test_every_row_of_trouble_and_refusal_is_in_the_table() -> None:
    said = [
        "\n".join(
            [*(a.message for a in c.check.annotations), c.check.log.text if c.check.log else ""]
        )
        for c in CASES
    ]
    for words in [*(words for _, words in TROUBLE), *(row.words for row in REFUSALS)]:
        assert any(words.search(text) for text in said), words.pattern
