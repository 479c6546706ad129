"""What an agent gets of a log: short, masked, harmless, and its failures by name."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ao_actions.core import joblog, masking, signature
from ao_actions.core.extractors import EXTRACTORS
from tests.core.triaged import STAMP, a_log, cases, stamped

CASES = cases()
LOGS = [case for case in CASES if case.check.log]


@pytest.mark.parametrize("case", LOGS, ids=lambda case: case.name)
def test_what_is_read_of_a_log(case) -> None:
    log = joblog.read(case.raw)
    if case.failures is not None:
        assert list(log.failures) == sorted(case.failures)
    assert log.failures
    for text in case.shows:
        assert text in log.text
    for text in [*case.hides, "\x1b", "##[", STAMP, "Post job cleanup", "shell: /usr/bin/bash"]:
        assert text not in log.text


def test_every_tool_is_in_the_table() -> None:
    named = {name.split(": ")[0] for case in LOGS for name in case.check.log.failures}
    assert {row.tool for row in EXTRACTORS} <= named


# ---- short ----------------------------------------------------------------------------------

SUMMARY = "=== short test summary info ===\nFAILED a.py::test_last - ValueError: x\n1 failed in 1s"
NOISE = "\n".join(f"INFO request {n} of many" for n in range(2000))


@pytest.mark.parametrize("limit", [400, 1000, 5000])
def test_a_long_log_is_cut_to_its_first_failure_and_its_summary(limit) -> None:
    first = "____ test_last ____\nE   ValueError: x"
    log = joblog.read(a_log(f"{NOISE}\n{first}\n{NOISE}\n{SUMMARY}"), limit=limit)
    assert len(log.text) <= limit
    assert "INFO request 1999" in log.text.split("____ test_last")[0]
    assert "E   ValueError: x" in log.text
    assert log.text.index(joblog.GAP) < log.text.index("FAILED a.py::test_last")
    assert log.failures == ("pytest: a.py::test_last ValueError",)


def test_a_summary_close_to_the_first_failure_is_not_parted_from_it() -> None:
    log = joblog.read(a_log(f"{NOISE}\n____ test_last ____\n{SUMMARY}\n{NOISE}"), limit=2000)
    assert len(log.text) <= 2000
    assert "____ test_last ____\n=== short test summary" in log.text
    assert joblog.GAP not in log.text


def test_without_a_summary_the_end_is_shown() -> None:
    log = joblog.read(a_log(f"{NOISE}\nsomething failed here\n{NOISE}\nlast words"), limit=1000)
    assert "something failed here" in log.text
    assert "last words" in log.text
    assert log.failures == (": something failed here",)


def test_only_failing_steps_are_shown() -> None:
    log = stamped(
        "##[group]Run make lint\n##[endgroup]\nall fine, 0 errors\n"
        "##[group]Run make test\n##[endgroup]\nbroken: no such thing\n"
        "##[error]Process completed with exit code 2.\n"
        "##[group]Run ./notify\n##[endgroup]\nsent"
    )
    read = joblog.read(log)
    assert read.text == "Run make test\nbroken: no such thing\nProcess completed with exit code 2."
    assert read.failures == (": broken: no such thing",)


def test_a_tool_that_prints_a_steps_beginning_hides_nothing() -> None:
    log = joblog.read(a_log(f"{SUMMARY}\n##[group]Run all is well\n##[endgroup]\nok"))
    assert log.failures == ("pytest: a.py::test_last ValueError",)


def test_a_log_that_names_no_failure_is_known_by_its_last_words() -> None:
    log = joblog.read("one\ntwo\nthree\n\nfour took 12 s\n")
    assert log.failures == ("four took <n>", "three", "two")
    assert not log.certain


def test_what_every_failing_step_ends_with_names_nothing() -> None:
    assert joblog.read(a_log("red")).failures == ("Run pytest", "red")
    assert joblog.read(stamped("##[error]Process completed with exit code 3.")).failures == (
        "Process completed with exit code <n>.",
    )


def test_an_empty_log_says_nothing() -> None:
    assert joblog.read("") == joblog.JobLog()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("a\rb\rc\n", "c", id="what was overwritten"),
        pytest.param("a\r\nb\r\n", "a\nb", id="line ends of Windows"),
        pytest.param("a\rb\r\n", "b", id="overwritten on Windows"),
        pytest.param("x\nx\nx\ny", "x\n[the same line 2 more times]\ny", id="repetition"),
        pytest.param("y\nx\nx", "y\nx\n[the same line 1 more times]", id="repetition at the end"),
        pytest.param("a\n\n\n\n\nb", "a\n\nb", id="empty lines"),
        pytest.param(" 45% |####    |\nb", "b", id="progress in percent"),
        pytest.param("   ━━━━━━━━ 1.2/1.2 MB\nb", "b", id="progress as a bar"),
        pytest.param(
            "\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07", "red link", id="ANSI"
        ),
        pytest.param("a\x00b\u202ec\u200bd", "abcd", id="hidden characters"),
        pytest.param("#12 3.456 FAILED", "FAILED", id="docker's prefix"),
        pytest.param("x" * 3000, f"{'x' * 1000} [...] {'x' * 1000}", id="a long line"),
    ],
)
def test_noise_goes(raw, shown) -> None:
    assert joblog.clean(raw) == shown


# ---- harmless -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("::set-output name=x::y", "set-output name=x::y"),
        ("  ::add-mask::secret", "  add-mask::secret"),
        ("::::error::x", "error::x"),
        ("##[error]bad", "bad"),
        ("##[add-mask]x", "[add-mask]x"),
        ("##[er##[error]ror]x", "[error]x"),
        ("##[error]::stop-commands::x", "stop-commands::x"),
        ("#[derive(Debug)] a::b", "#[derive(Debug)] a::b"),
    ],
)
def test_commands_are_words(raw, shown) -> None:
    assert joblog.clean(f"x\n{raw}").removeprefix("x\n") == shown


FORGED = st.lists(
    st.one_of(
        st.sampled_from(
            "##|#|[|error]|##[error]|##[group]Run x|##[endgroup]|::|:|\n| |\t|set-env name=a::b"
            "|\r|\r\n|\x0b|\u2028|\x85|\x1b[31m|\u200b|#1 2.3 |FAILED a.py::b|Test Suites:|\xa0"
            f"|{STAMP}".split("|")
        ),
        st.text(max_size=4),
    ),
    max_size=40,
).map("".join)


@settings(deadline=None)
@given(FORGED, st.integers(1, 200))
def test_nothing_that_leaves_here_is_a_command(raw, limit) -> None:
    for text in (joblog.read(raw, limit=limit).text, joblog.clean(raw)):
        assert "##[" not in text
        assert not any(line.strip().startswith("::") for line in text.splitlines())
    assert len(joblog.read(raw, limit=limit).text) <= limit


# ---- masked ---------------------------------------------------------------------------------

KEY = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEpAIBAAKCAQEA\nqq==\n"
SECRETS = [
    "ghp_" + "a1B2" * 9,
    "gho_" + "a1B2" * 9,
    "ghs_" + "a1B2" * 9,
    "github_pat_" + "a1B2_" * 12,
    "AKIA" + "ABCD1234" * 2,
    "sk-ant-api03-" + "aB-_" * 8,
    "xoxb-" + "1234567890-abc",
    "glpat-" + "aB1_" * 5,
    "npm_" + "aB12" * 9,
    "pypi-" + "AgEI" * 10,
    "AIza" + "aB1-_" * 7,
    "eyJhbGciOiJIUzI1" + ".eyJzdWIiOiIxMjM0" + ".SflKxwRJSM",
    f"{KEY}-----END RSA PRIVATE KEY-----",
    KEY,
]


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:12])
@pytest.mark.parametrize("around", ["{}", "token={}\n", 'say "{}" now', "\x1b[31m{}\x1b[0m"])
def test_secrets_are_masked(secret, around) -> None:
    shown = joblog.clean(around.format(secret))
    assert masking.MASK in shown
    words = [word for word in re.findall(r"[\w-]{8,}", secret) if "-----" not in word]
    assert not any(word in shown for word in words)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("authorization: basic YTpi", "authorization: basic ***"),
        ('"Authorization": "token abc"', '"Authorization": "token ***"'),
        ("AUTHORIZATION: abc", "AUTHORIZATION: ***"),
        ("https://me:pass@host/x", "https://***@host/x"),
        ("https://host:443/x", "https://host:443/x"),
        ("Authorization: ***", "Authorization: ***"),
        ("task-force, sk-it, xoxo, ghp_short", "task-force, sk-it, xoxo, ghp_short"),
    ],
)
def test_headers_and_addresses(said, shown) -> None:
    assert joblog.clean(said) == shown


def test_a_secret_is_masked_before_a_line_is_cut() -> None:
    for place in range(joblog.LONGEST // 2 - 40, joblog.LONGEST // 2 + 1):
        line = "." * place + SECRETS[0] + "." * joblog.LONGEST
        assert "ghp_" not in joblog.clean(line)


# ---- any bytes ------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding) -> None:
    text = "2 failed: naïve ✗\n" * 3
    assert joblog.decode(text.encode(encoding)).removeprefix("\ufeff") == text


def test_utf_16_with_the_big_end_first_and_a_mark() -> None:
    assert joblog.decode(b"\xfe\xff\x00a\x00b") == "\ufeffab"


def test_of_a_huge_log_the_two_ends_are_read(monkeypatch) -> None:
    monkeypatch.setattr(joblog, "LARGEST", 20)
    assert joblog.decode(b"a" * 10 + b"b" * 100 + b"c" * 10) == f"{'a' * 10}\n[...]\n{'c' * 10}"


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read(raw) -> None:
    log = joblog.read(joblog.decode(raw), limit=100)
    assert len(log.text) <= 100


@pytest.mark.parametrize(
    "raw",
    [
        b"x" * 3_000_000,
        b"error " * 500_000,
        b"\n" * 3_000_000,
        bytes(3_000_000),
        b"a\r" * 1_500_000,
    ],
    ids=["one line", "one line of errors", "no line", "zeros", "overwritten"],
)
def test_large_logs_are_cut(raw) -> None:
    assert len(joblog.read(joblog.decode(raw)).text) <= joblog.LIMIT


HINTS = "\n".join(hint for row in EXTRACTORS for hint in row.hints)


@pytest.mark.parametrize(
    "line",
    [
        " \n  \n",
        "a > " * 400,
        "FAILED .py" + "::.py" * 300 + " x",
        "FAILED a.py::a" + "[" * 900 + "] - " * 200,
        "  1:1  error  x" + " " * 1800 + "y z",
        "eyJaaaaaaaaa-" * 100,
        "FAIL a" + ".a (1.1" * 200,
        "x.py.py.go.java.c:1:1" * 90,
        "[ERROR] a" + " " * 900 + "Time elapsed: " + "<<< " * 200,
    ],
    ids=range(9),
)
def test_a_log_that_is_made_to_be_slow(line) -> None:
    """The tests' own limit of time ends it where a pattern is worse than linear in the lines."""
    raw = "".join(f"{line}{number % 2}\n" for number in range(1_000_000 // len(line)))
    assert len(joblog.read(f"{HINTS}\n{raw}").text) <= joblog.LIMIT


# ---- failures have names --------------------------------------------------------------------

RUNS = st.fixed_dictionaries(
    {
        "line": st.integers(1, 99999),
        "seconds": st.decimals(0, 999, places=2, allow_nan=False),
        "place": st.sampled_from(
            [
                "/home/runner/work/calc/calc/",
                "/data/pytest-of-runner/pytest-7/",
                "D:\\a\\calc\\",
                "/x/",
            ]
        ),
        "commit": st.text("0123456789abcdef", min_size=8, max_size=40).filter(
            lambda text: re.search(r"\d", text) and re.search("[a-f]", text)
        ),
        "time": st.datetimes().map(lambda time: f"{time:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0")),
        "percent": st.integers(0, 100),
        "id": st.uuids(),
    }
)
SHAPES = {
    "pytest": (
        "{place}conftest.py:{line}: Warning\n[{percent}%]\n"
        "=== short test summary info ===\n{tests}\n2 failed in {seconds}s",
        "FAILED tests/a.py::{test} - {error}: at {line} of {commit}",
    ),
    "jest": ("Test Suites: 1 failed\n{tests}\nTime: {seconds} s", "  ● calc {test} {error}"),
    "go test": (
        "{tests}\nFAIL\texample.com/x\t{seconds}s",
        "--- FAIL: {test}/{error} ({seconds}s)",
    ),
    "cargo test": (
        "{tests}\ntest result: FAILED. finished in {seconds}s",
        "test {error}::{test} ... FAILED",
    ),
    "rustc": (
        "{tests}\nerror: could not compile `x`",
        "error[{error}]: {test}\n --> a.rs:{line}:3",
    ),
    "Surefire": ("{tests}", "[ERROR] x.{test}.{error} -- Time elapsed: {seconds} s <<< FAILURE!"),
    "mypy": ("Found errors", "{place}a.py:{line}: error: bad {line}  [{error}-{test}]"),
    "tsc": ("", "src/{test}.ts({line},{percent}): error TS1{error}: no"),
    "generic": (
        "{time} began\nrun {id}",
        "{error} failed in {test} after {seconds} s at {place}m: {commit} {id} {time} 0x{commit}",
    ),
}


def a_run(shape, run, tests, errors, order=None) -> str:
    frame, row = SHAPES[shape]
    rows = [row.format(test=t, error=e, **run) for t, e in zip(tests, errors, strict=True)]
    if order:
        order.shuffle(rows)
    frame = frame if "{tests}" in frame else f"{frame}\n{{tests}}"
    return a_log(frame.format(tests="\n".join(rows), **run), code=run["line"] % 200 + 1)


def named(log: str) -> str:
    return signature.signature("ci", joblog.read(log).failures)


TESTS = ["test_adds", "test_subtracts", "test_divides"]
ERRORS = ["1", "22", "333"]


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=30, deadline=None)
@given(one=RUNS, other=RUNS, order=st.randoms())
def test_a_signature_stays_from_run_to_run(shape, one, other, order) -> None:
    errors = [f"{'' if shape == 'tsc' else 'E'}{number}" for number in ERRORS]
    first = a_run(shape, one, TESTS, errors)
    again = a_run(shape, other, TESTS, errors, order)
    assert named(first) == named(again), (joblog.read(first).failures, joblog.read(again).failures)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=30, deadline=None)
@given(run=RUNS, failing=st.lists(st.sampled_from(TESTS), min_size=1, max_size=3, unique=True))
def test_a_signature_tells_failures_apart(shape, run, failing) -> None:
    errors = ["1" if shape == "tsc" else "E1"] * len(failing)
    others = [*failing[1:], "test_another"]
    kinds = ["9" if shape == "tsc" else "E9", *errors[1:]]
    log = named(a_run(shape, run, failing, errors))
    assert log != named(a_run(shape, run, others, errors))
    assert log != named(a_run(shape, run, failing, kinds))


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("test_add[1-2]", "test_add[1-2]", "test_add[<n>-<n>]"),
        ("E0308 in file2.py", "E0308 in file2.py", "E0308 in file2.py"),
        ("at /home/a/b/c.py:3", "at c.py:3", "at c.py:<n>"),
        ("at file:///home/a/c.kt", "at c.kt", "at c.kt"),
        ("at src/a/c.py", "at src/a/c.py", "at src/a/c.py"),
        ("at C:\\a\\b\\c.cs", "at c.cs", "at c.cs"),
        ("<X object at 0x7fbaf4c3be50>", "<X object at <hash>>", "<X object at <hash>>"),
        ("commit 13a1004, abcdefab", "commit <hash>, abcdefab", "commit <hash>, abcdefab"),
        ("2026-11-22 12:00:01,5 x", "<time> x", "<time> x"),
        ("2026-11-22T12_39_55_877Z-x", "<time>-x", "<time>-x"),
        ("in 3.20s, 12 %, 5 MB", "in 3.20s, 12 %, 5 MB", "in <n>, <n>, <n>"),
        ("123e4567-e89b-12d3-a456-426614174000", "<id>", "<id>"),
    ],
)
def test_what_a_name_and_a_message_keep(text, name, message) -> None:
    assert signature.name(text) == name
    assert signature.message(text) == message
