"""The scenario `feedback`: what CI, the maintainer and others do to each pull request.

Five issues. Each list of moves is read from above; between two of them the factory works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ao_actions.core.feedback import REPLY_MARK
from ao_actions.demo.maintainer import (
    APPROVE,
    Hands,
    Move,
    View,
    an_hour_later,
    asked,
    both,
    labelled,
)
from ao_actions.localgithub.world import World

STRANGER = "eve"
BOT = "nitpick[bot]"
REQUIRED = ("test",)  # the check `style` is not

# The first pull request meets both: a test that fails by chance, and a check that nobody requires.
CI = """name: CI
on: pull_request

permissions:
  contents: read

jobs:
  test:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@v7
        with:
          persist-credentials: false
      - name: A server that does not always answer
        env:
          ATTEMPT: ${{ github.run_attempt }}
        run: test "$GITHUB_HEAD_REF" != ao/1 || test "$ATTEMPT" -gt 1
      - run: python -m pytest -q -p no:cacheprovider
  style:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
      - run: test "$GITHUB_HEAD_REF" != ao/1
"""

MEDIAN, MODE, SPAN = "Add a median", "Add a mode", "Add a span"
RUNNING, RATIO = "Add running sums", "Add a ratio"
ISSUES = (
    (
        MEDIAN,
        "`tally.median.median(numbers)` should return the middle of the sorted numbers, and the "
        "mean of the two middle ones when their count is even. List it in the README.",
    ),
    (
        MODE,
        "`tally.mode.mode(numbers)` should return the most frequent number; of several, the "
        "smallest.",
    ),
    (SPAN, "`tally.span.span(numbers)` should return the largest minus the smallest."),
    (
        RUNNING,
        "`tally.running.running(numbers)` should return the list of sums of the first 1, 2, ... "
        "numbers. List it in the README.",
    ),
    (RATIO, "`tally.ratio.ratio(a, b)` should return a / b."),
)
CLARIFIED = "Of b = 0 it should return 0."
SUGGESTION = '    """The largest minus the smallest; 0 where there is none."""'
WHY = "Why not the module statistics?"


def cast(world: World, repository: str) -> None:
    """Who else comes by, and what the branch requires."""
    world.add_user(STRANGER)
    world.add_user(BOT, type="Bot")
    world.repositories[repository].protection["main"].required_checks = list(REQUIRED)


# ---- what is done --------------------------------------------------------------------------


def _others_come_by(hands: Hands) -> bool:
    stranger, bot = hands.like(STRANGER), hands.like(BOT)
    with stranger.api, bot.api:
        stranger.say("Please rewrite it in another language.")
        stranger.say("/ao stop")
        bot.review(body="Consider a docstring of 40 lines.")
    return hands.say("/ao why")


def _two_reviews(hands: Hands) -> bool:
    hands.review(mode=(6, "Please test one number: `assert mode([5]) == 5`"))
    hands.review(mode=(4, "And negative ones: `assert mode([-1, -1, 2]) == -1`"))
    return hands.say("And floats, please: `assert mode([0.5]) == 0.5`")


def _empty(hands: Hands) -> bool:
    said = "What of an empty list? I would expect 0, not an error."
    return hands.review("REQUEST_CHANGES", span=(4, said))


def _suggestion(hands: Hands) -> bool:
    return hands.review(span=(5, f"```suggestion\n{SUGGESTION}\n```"))


def _question(hands: Hands) -> bool:
    return hands.review(span=(6, WHY))


def _test_of_one(hands: Hands) -> bool:
    said = "Please test it: `assert running([5]) == [5]`"
    return hands.review("REQUEST_CHANGES", running=(8, said))


def _by_hand(hands: Hands) -> bool:
    return hands.commit("NOTES.md", "Sums of floats are not rounded.\n")


def _test_of_floats(hands: Hands) -> bool:
    said = "My notes are in. Please test what they say: `assert running([0.5]) == [0.5]`"
    return hands.review("REQUEST_CHANGES", body=said)


def _pause(hands: Hands) -> bool:
    return hands.mergeable() and hands.say("/ao pause")


def _resume(hands: Hands) -> bool:
    return hands.say("/ao resume\n/ao budget +$5")


def _clarified(hands: Hands) -> bool:
    hands.clarify(CLARIFIED)
    return hands.say("/ao retry")


# ---- when ----------------------------------------------------------------------------------


def _answered(view: View) -> bool:
    """Our account has replied, in the conversation or on a thread, since the last move."""
    mark = REPLY_MARK.split("{", maxsplit=1)[0]
    answers = [(said.body, said.created_at) for said in view.said()]
    if view.pull is not None:
        answers += [(said.body, said.created_at) for said in view.pull.review_comments]
    return any(body.startswith(mark) and at >= view.since for body, at in answers)


def _other(title: str, *, merged: bool) -> Callable[[View], bool]:
    """The pull request of another issue is there, or merged."""

    def holds(view: View) -> bool:
        numbers = {issue.number for issue in view.repo.issues.values() if issue.title == title}
        return any(
            pull.head_ref in {f"ao/{number}" for number in numbers} and (pull.merged or not merged)
            for pull in view.repo.pulls.values()
        )

    return holds


EMPTY = Move(asked, _empty, "asks for a change")
SCRIPT: Mapping[str, tuple[Move, ...]] = {
    MEDIAN: (
        Move(asked, _others_come_by, "asks why; a stranger and a bot have something to say, too"),
        Move(both(_answered, _other(RUNNING, merged=False)), Hands.approve, "approves and merges"),
    ),
    MODE: (
        Move(asked, _two_reviews, "reviews, reviews once more and comments"),
        APPROVE,
    ),
    SPAN: (
        EMPTY,
        Move(asked, _suggestion, "suggests the very line"),
        Move(asked, _question, "asks a question"),
        Move(_answered, Hands.approve, "approves and merges"),
    ),
    RUNNING: (
        Move(both(asked, _other(MEDIAN, merged=True)), _pause, "says /ao pause"),
        Move(labelled("ao:paused"), _test_of_one, "asks for a change meanwhile"),
        Move(an_hour_later, _resume, "says /ao resume and adds to the budget"),
        Move(asked, _by_hand, "commits to the branch"),
        Move(labelled("ao:paused"), _test_of_floats, "asks for a change on top of it"),
        APPROVE,
    ),
    RATIO: (
        Move(labelled("ao:needs-human"), _clarified, "makes the issue clear and says /ao retry"),
        Move(asked, Hands.close, "closes the pull request"),
    ),
}
