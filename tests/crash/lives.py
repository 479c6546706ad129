"""Two lives with every effect in them: one task is merged, the other is given up."""

from __future__ import annotations

from pathlib import Path

from ao_actions.localgithub.model import PullRequest
from tests.crash.life import RUNNERS_LATER, WITH_RUNNERS, Chapter, Life, die_at_upload
from tests.crash.scythe import When
from tests.played.github import Played

# One more line each time, and a reply where there is a thread. What is special about the next
# attempt is in the world's file `mood`.
AGENT = """\
mood=$(cat ../../../mood 2>/dev/null)
rm -f ../../../mood
if [ "$mood" = forbidden ]; then
  mkdir -p .github/workflows
  echo "on: push" > .github/workflows/more.yml
fi
echo "line $(cat work.txt 2>/dev/null | wc -l)" >> work.txt
if [ "$mood" = limited ]; then exit 75; fi
if grep -q '### T1 at' "$AO_BRIEF"; then
  echo '{"replies": [{"thread": "T1", "body": "It has one now."}]}' > "$AO_RESULT"
fi
"""
CI = """name: {name}
on: pull_request
jobs:
  {name}:
    runs-on: ubuntu-latest
    steps:
      - run: 'true'
"""


# ---- the people, and CI --------------------------------------------------------------------


def labels(world: Played) -> None:
    body = "Please add work.txt with numbered lines."
    number = world.call("POST", "issues", title="Number the lines", body=body)["number"]
    world.call("POST", f"issues/{number}/labels", labels=["ao:ready"])


def hand_off_without_publish(world: Played) -> None:
    """The first run's machine dies between its two jobs."""
    (run,) = world.open_runs()
    die_at_upload(world, run, When.AFTER)


def machine_dies(world: Played) -> None:
    (run,) = world.open_runs()
    world.end(run, "failure")
    world.pass_time(minutes=1)  # until then it may have left a hand-off


def nobody(_world: Played) -> None:
    """The runners work on."""


def no_runner_for_long(world: Played) -> None:
    world.pass_time(hours=7)


def fails(world: Played) -> None:
    _status(world, "failure")


def passes(world: Played) -> None:
    _status(world, "success")


def asks(world: Played) -> None:
    """A review with a thread, and a command; after a while, for a review may go on."""
    pull = _pull(world)
    comment = {"path": "work.txt", "line": 1, "side": "RIGHT", "body": "Its line is missing."}
    world.call(
        "POST",
        f"pulls/{pull.number}/reviews",
        event="REQUEST_CHANGES",
        commit_id=pull.head_sha,
        comments=[comment],
    )
    world.call("POST", f"issues/{pull.number}/comments", body="/ao why")
    world.pass_time(minutes=3)


def merges(world: Played) -> None:
    _status(world, "success")
    pull = _pull(world)
    world.call("POST", f"pulls/{pull.number}/reviews", event="APPROVE", commit_id=pull.head_sha)
    world.call("PUT", f"pulls/{pull.number}/merge", sha=pull.head_sha)


def retries(world: Played) -> None:
    _say(world, "/ao retry")


def agent_does_what_is_forbidden(world: Played) -> None:
    (world.root / "mood").write_text("forbidden")


def agent_meets_a_limit(world: Played) -> None:
    (world.root / "mood").write_text("limited")


def waits(world: Played) -> None:
    world.pass_time(minutes=30)


def ci_is_flaky(world: Played) -> None:
    (world.root / "flaky").touch()


def grants_one_more(world: Played) -> None:
    _say(world, "/ao budget +1")


def stops(world: Played) -> None:
    _say(world, "/ao stop")


def closes(world: Played) -> None:
    world.call("PATCH", f"pulls/{_pull(world).number}", state="closed")


def misses_nothing_for_a_month(world: Played) -> None:
    closes(world)
    world.pass_time(days=31)


def deletes_the_ledger(world: Played) -> None:
    world.git("update-ref", "-d", "refs/ao/ledger")


def outside_ci(world: Played) -> None:
    """It sees every head, and takes its time."""
    for pull in world.repo.pulls.values():
        if not any(s.sha == pull.head_sha for s in world.repo.statuses) and not pull.merged:
            _status(world, "pending")


def flaky_ci(world: Played) -> None:
    """Of each run the first attempt fails and the second does not; once it has begun to work."""
    for run in list(world.repo.runs):
        name = Path(run.path).stem
        if run.status == "completed" or name not in ("ci", "ao-review"):
            continue
        if name == "ao-review":
            world.end(run, "success")
        elif (world.root / "flaky").exists():
            world.end(run, "failure" if run.run_attempt == 1 else "success")


def _pull(world: Played) -> PullRequest:
    (pull,) = world.repo.pulls.values()
    return pull


def _status(world: Played, state: str) -> None:
    context = "ci/outside"
    world.call("POST", f"statuses/{_pull(world).head_sha}", state=state, context=context)


def _say(world: Played, words: str) -> None:
    world.call("POST", "issues/1/comments", body=words)


# ---- the lives -----------------------------------------------------------------------------

MERGED = Life(
    config="max_parallel: 2\n",
    agent=AGENT,
    ci=outside_ci,
    chapters={
        "claimed": Chapter(labels),
        "salvaged": Chapter(hand_off_without_publish, WITH_RUNNERS),
        "red": Chapter(fails),
        "mended": Chapter(nobody, WITH_RUNNERS),
        "green": Chapter(passes, WITH_RUNNERS),
        "reviewed": Chapter(asks),
        "answered": Chapter(nobody, WITH_RUNNERS),
        "merged": Chapter(merges, WITH_RUNNERS),
        "branch removed": Chapter(nobody, commands=(("cleanup", "--yes"),)),
    },
)
GIVEN_UP = Life(
    config="max_parallel: 2\nbudget: {review_rounds: 1}\n",
    agent=AGENT,
    ci=flaky_ci,
    files={
        ".github/workflows/ci.yml": CI.format(name="ci"),
        ".github/workflows/ao-review.yml": CI.format(name="ao-review"),
    },
    chapters={
        "taken": Chapter(labels),
        "queued too long": Chapter(no_runner_for_long, RUNNERS_LATER),
        "tried again": Chapter(retries),
        "refused": Chapter(agent_does_what_is_forbidden, WITH_RUNNERS),
        "tried once more": Chapter(retries),
        # before the limit's quarter of an hour is over, however many passes it takes
        "limited": Chapter(agent_meets_a_limit, WITH_RUNNERS, minutes=2),
        "resumed": Chapter(waits),
        "opened": Chapter(nobody, WITH_RUNNERS),
        "flaky": Chapter(ci_is_flaky, WITH_RUNNERS),
        "asked": Chapter(asks),
        "lost": Chapter(machine_dies),
        "one more": Chapter(grants_one_more),
        "stopped": Chapter(stops),
        "cleaned": Chapter(misses_nothing_for_a_month, commands=(("cleanup", "--yes"),)),
        "compacted": Chapter(
            nobody, commands=(("ledger", "compact", "--keep-days", "0"), ("ledger", "verify"))
        ),
        "repaired": Chapter(
            deletes_the_ledger, commands=(("ledger", "repair", "--yes"), ("ledger", "verify"))
        ),
    },
)
LIVES = {"merged": MERGED, "given up": GIVEN_UP}
