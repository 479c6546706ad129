"""What the client makes of a GitHub that fails: which answers it asks for again, how long it
waits, and what it never takes for an answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ao_actions.errors import AuthError, ForgeError, GitError, NotFoundError, RateLimitError
from ao_actions.forge import observe
from ao_actions.forge.client import Address, Client
from ao_actions.git import Git, Remote
from ao_actions.localgithub import seed
from ao_actions.localgithub.faults import ANSWERS, Fault, Faults
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.patience import BUDGET, LONGEST, TRIES, Patience

NAME = "acme/widgets"
QUERY = 'query Name { repository(owner: "acme", name: "widgets") { name } }'
UNSOUND = ["server-error", "html", "not-json", "went-wrong"]


@dataclass(slots=True)
class Site:
    """A repository, a client of it, and the client's time, which only passes as it waits."""

    hub: LocalGitHub
    waits: list[float] = field(default_factory=list)

    def client(self) -> Client:
        token = self.hub.world.add_token("maya").value
        address = Address(api=self.hub.api_url, graphql=self.hub.graphql_url, server=self.hub.url)

        def pause(seconds: float) -> None:
            self.waits.append(seconds)
            self.hub.world.clock.advance(seconds)

        return Client(
            NAME, token, address, pause=pause, jitter=lambda: 0.5, clock=lambda: sum(self.waits)
        )

    def plan(self, **rule: Any) -> Fault:
        fault = Fault(**rule)
        self.hub.app.faults.append(fault)
        return fault

    @property
    def issues(self) -> dict[int, Any]:
        return self.hub.world.repositories[NAME].issues


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGitHub]:
    with LocalGitHub(tmp_path_factory.mktemp("hub"), actions=False) as server:
        server.world.add_user("maya")
        repo = server.world.create_repository(NAME)
        repo.collaborators["maya"] = "admin"
        yield server


@pytest.fixture
def site(hub: LocalGitHub) -> Site:
    hub.app.faults = Faults()
    return Site(hub)


# ---- reads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [*({"answer": a} for a in UNSOUND), {"drop": True}, {"cut": 9}])
def test_a_read_without_a_sound_answer_is_tried_again(site: Site, rule: dict[str, Any]) -> None:
    client = site.client()
    rest = site.plan(method="GET", path=f"/repos/{NAME}", times=2, **rule)
    assert client.get("")["full_name"] == NAME
    graphql = site.plan(operation="Name", times=2, **rule)
    assert client.graphql(QUERY)[0]["repository"]["name"] == "widgets"
    assert (rest.fired, graphql.fired) == (2, 2)
    assert site.waits == [1.0, 2.0] * 2


@pytest.mark.parametrize("rule", [*({"answer": a} for a in UNSOUND), {"drop": True}])
def test_a_read_that_stays_without_one_names_the_url(site: Site, rule: dict[str, Any]) -> None:
    client = site.client()
    site.plan(times=None, **rule)
    with pytest.raises(ForgeError, match=f"/repos/{NAME}/labels") as error:
        client.get("labels")
    assert error.value.unknown
    assert site.waits == [1.0, 2.0, 4.0, 8.0]
    with pytest.raises(ForgeError, match=site.hub.graphql_url):
        client.graphql(QUERY)


def test_a_silent_github_costs_one_budget_and_not_one_per_request(site: Site) -> None:
    client = site.client()
    site.plan(status=500, times=None)
    for _ in range(40):
        with pytest.raises(ForgeError):
            client.get("labels")
    assert BUDGET - LONGEST < sum(site.waits) <= BUDGET
    tries = sum(fault.fired for fault in site.hub.app.faults)
    assert tries == 40 + len(site.waits)


def test_patience_never_waits_longer_than_it_has() -> None:
    waits: list[float] = []
    patience = Patience(waits.append, lambda: 1.0, left=10.0)
    assert [patience.before_try(turn) for turn in range(1, TRIES)] == [True, True, False, False]
    assert waits == [1.5, 3.0]
    assert not patience.wait(5.6)
    assert patience.wait(5.5)
    assert patience.left == 0.0


def test_a_write_is_sent_once(site: Site) -> None:
    client = site.client()
    for rule in ({"answer": "server-error"}, {"drop": True}, {"answer": "not-json"}, {"cut": 9}):
        before = len(site.issues)
        site.plan(method="POST", path=".*/issues", after=True, **rule)
        with pytest.raises(ForgeError, match="issues") as error:
            client.request("POST", "issues", body={"title": "One"})
        assert error.value.unknown
        assert len(site.issues) == before + 1
    assert site.waits == []


def test_a_download_begins_again(site: Site) -> None:
    client = site.client()
    site.plan(method="GET", path=".*/readme", cut=3, times=1)
    site.plan(method="GET", path=".*/readme", status=502, times=1)
    site.plan(method="GET", path=".*/readme", status=200, body="whole", times=None)
    assert client.content("readme", limit=100) == b"whole"
    assert [fault.fired for fault in site.hub.app.faults] == [1, 1, 1]


# ---- limits ----------------------------------------------------------------------------------

LIMITS: list[tuple[dict[str, Any], float]] = [
    ({"answer": "secondary-limit", "headers": {"Retry-After": "7"}}, 7.0),
    ({"answer": "secondary-limit", "status": 429, "headers": {"Retry-After": "7"}}, 7.0),
    ({"answer": "secondary-limit"}, 60.0),
    ({"answer": "primary-limit", "headers": {"X-RateLimit-Reset": "+40"}}, 40.0),
    ({"status": 429, "body": "slow down"}, 60.0),
    (
        {
            "answer": "secondary-limit",
            "headers": {"Retry-After": "5", "X-RateLimit-Remaining": "0"},
        },
        5.0,
    ),
]


@pytest.mark.parametrize(("rule", "seconds"), LIMITS)
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_limit_is_waited_for(site: Site, rule: dict[str, Any], seconds: float, verb: str) -> None:
    """A refusal has done nothing: so a write is sent again, too."""
    client = site.client()
    client.now()
    fault = site.plan(method=verb, path=".*/issues", **rule)
    before = len(site.issues)
    client.request(verb, "issues", body={"title": "One"} if verb == "POST" else None)
    assert fault.fired == 1
    assert site.waits == [pytest.approx(seconds, abs=2.0)]
    assert len(site.issues) - before == (1 if verb == "POST" else 0)


def test_a_graphql_limit_comes_with_200(site: Site) -> None:
    client = site.client()
    body = {"errors": [{"type": "RATE_LIMIT", "message": "API rate limit already exceeded"}]}
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "+9"}
    client.now()
    site.plan(operation="Name", status=200, body=body, headers=headers)
    assert client.graphql(QUERY)[0]["repository"]["name"] == "widgets"
    assert site.waits == [pytest.approx(9.0, abs=2.0)]


def test_beyond_its_patience_nothing_more_is_sent(site: Site) -> None:
    client = site.client()
    limit = site.plan(
        path="/repos/.*", answer="secondary-limit", headers={"Retry-After": "3600"}, times=None
    )
    for path in ("labels", "issues", "pulls"):
        with pytest.raises(RateLimitError, match=r"the limit is over at .* next pass goes on"):
            client.get(path)
    assert limit.fired == 1
    assert site.waits == []


def test_a_limit_is_no_answer_about_permissions(site: Site) -> None:
    client = site.client()
    site.plan(path=".*/permission", answer="secondary-limit", times=None)
    with pytest.raises(RateLimitError):
        client.may_write("maya")
    site.hub.app.faults.clear()
    fresh = site.client()
    site.plan(path=".*/permission", answer="forbidden")
    with pytest.raises(AuthError, match="permission: the token may not do that"):
        fresh.may_write("maya")
    assert fresh.may_write("maya") is True
    assert fresh.may_write("nobody") is False


# ---- what is no answer -----------------------------------------------------------------------


def test_graphql_data_with_errors_is_not_taken_for_empty_lists(site: Site) -> None:
    client = site.client()
    holes = {"repository": {"defaultBranchRef": None, "issues": {"nodes": []}}}
    for kind in ("RESOURCE_LIMITS_EXCEEDED", "INTERNAL", "SERVICE_UNAVAILABLE"):
        body = {"data": holes, "errors": [{"type": kind, "message": "Not all of it"}]}
        site.plan(operation="Name", status=200, body=body)
        with pytest.raises(ForgeError, match="Not all of it"):
            client.graphql(QUERY)
    body = {"data": holes, "errors": [{"type": "FORBIDDEN", "message": "Resource not accessible"}]}
    site.plan(operation="Name", status=200, body=body)
    with pytest.raises(AuthError, match="Resource not accessible"):
        client.graphql(QUERY)


@pytest.mark.parametrize("body", ["{}", "[]", '{"data": null}', '"x"', "null", ""])
def test_graphql_without_data(site: Site, body: str) -> None:
    site.plan(operation="Name", status=200, body=body, times=None)
    with pytest.raises(ForgeError, match="an answer without data"):
        site.client().graphql(QUERY)


def test_a_query_that_timed_out_is_asked_again_though_it_says_200(site: Site) -> None:
    _, body, _ = ANSWERS["went-wrong"]
    site.plan(operation="Name", status=200, body=body)
    assert site.client().graphql(QUERY)[0]["repository"]["name"] == "widgets"


def test_a_limit_beyond_the_calendar_is_a_day(site: Site) -> None:
    client = site.client()
    site.plan(answer="secondary-limit", headers={"Retry-After": "9" * 400})
    with pytest.raises(RateLimitError, match="the limit is over at"):
        client.get("labels")


def test_json_too_deep_is_no_json(site: Site) -> None:
    site.plan(method="GET", path=".*/labels", status=200, body="[" * 100_000, times=None)
    with pytest.raises(ForgeError, match="labels: GitHub answered with something that is not JSON"):
        site.client().get("labels")


@pytest.mark.parametrize("body", [{}, {"message": "x"}, {"labels": None}])
def test_a_list_that_is_none_is_not_empty(site: Site, body: Any) -> None:
    site.plan(method="GET", path=".*/labels", status=200, body=body, times=None)
    with pytest.raises(ForgeError, match=f"/repos/{NAME}/labels: GitHub answered with something"):
        site.client().pages("labels")


def test_a_404_may_be_a_missing_permission(site: Site) -> None:
    client = site.client()
    site.plan(path=".*/runs", answer="not-found", times=None)
    with pytest.raises(NotFoundError, match=r"ao-work\.yml is not on the default branch"):
        observe.runs_named(client, "ao #1.1 queued", client.now())
    site.plan(path=".*/issues/7", answer="not-found")
    with pytest.raises(NotFoundError, match="not found, or this token may not see it"):
        client.get("issues/7")


# ---- lists that change while they are read ---------------------------------------------------


@pytest.mark.parametrize("removed", [1, 2])
def test_a_list_of_pages_that_changes_is_read_again(site: Site, removed: int) -> None:
    client = site.client()
    number = client.request("POST", "issues", body={"title": "Long"})[1]["number"]
    path = f"issues/{number}/comments"
    ids = [client.request("POST", path, body={"body": str(n)})[1]["id"] for n in range(104)]
    meddle = iter(ids[:removed])
    read = client.get

    def get(where: str, **parameters: Any) -> Any:
        found = read(where, **parameters)
        if parameters["page"] == 1 and (gone := next(meddle, None)):
            client.request("DELETE", f"issues/comments/{gone}")
        return found

    class Reader(Client):
        def get(self, path: str, **parameters: Any) -> Any:
            return get(path, **parameters)

    reader = Reader(NAME, client.token, client.address)
    seen = [comment["id"] for comment in reader.pages(path)]
    assert seen == ids[removed:]


def test_a_list_that_never_rests_is_no_list(site: Site) -> None:
    client = site.client()
    number = client.request("POST", "issues", body={"title": "Long"})[1]["number"]
    path = f"issues/{number}/comments"
    ids = [client.request("POST", path, body={"body": str(n)})[1]["id"] for n in range(110)]

    class Reader(Client):
        def get(self, path: str, **parameters: Any) -> Any:
            found = client.get(path, **parameters)
            client.request("DELETE", f"issues/comments/{ids.pop(0)}")
            return found

    with pytest.raises(ForgeError, match="changes faster than it can be read"):
        Reader(NAME, client.token, client.address).pages(path)


def test_git_reads_are_tried_again(site: Site, tmp_path: Path) -> None:
    client = site.client()
    url = f"{site.hub.url}/{NAME}.git"
    git = Git.scratch(tmp_path / "s.git", Remote(url, client.token))
    waits: list[float] = []
    git.patience = Patience(waits.append, lambda: 0.5)
    for rule in ({"status": 503}, {"status": 500}, {"cut": 20}):
        site.plan(path=".*/info/refs", **rule)
        assert git.remote_refs("refs/heads/none") == {}
    assert waits == [1.0] * 3
    site.plan(path=".*/info/refs", status=500, times=None)
    with pytest.raises(GitError, match="500"):
        git.fetch("refs/heads/main")
    assert waits[3:] == [1.0, 2.0, 4.0, 8.0]
    site.hub.app.faults.clear()
    stranger = Git.scratch(tmp_path / "t.git", Remote(url, "wrong"))
    stranger.patience = Patience(waits.append, lambda: 0.5)
    with pytest.raises(GitError, match="fatal"):
        stranger.fetch("refs/heads/main")
    assert len(waits) == 7


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        pytest.param(429, {"Retry-After": "17"}, 17.0, id="as long as it says"),
        pytest.param(503, {"Retry-After": "17"}, 17.0, id="also where it is down"),
        pytest.param(429, {}, 60.0, id="it does not say how long"),
        pytest.param(429, {"Retry-After": "0"}, 1.0, id="not at once"),
        pytest.param(429, {"Retry-After": "soon"}, 60.0, id="no number"),
    ],
)
def test_git_s_limits_are_waited_for(
    site: Site, tmp_path: Path, status: int, headers: dict[str, str], seconds: float
) -> None:
    git, waits = limited_git(site, tmp_path)
    for path in (".*/info/refs", ".*/git-upload-pack"):
        site.plan(path=path, status=status, headers=headers)
        assert git.fetch("refs/heads/main")
    assert waits == [seconds, seconds]
    site.plan(path=".*/git-receive-pack", status=status, headers=headers)
    head = git.remote_refs("refs/heads/main")["refs/heads/main"]
    new = f"refs/heads/{tmp_path.name}"
    done = git.push({new: ("", head)})
    assert (done.code, waits) == (0, [seconds] * 3)
    assert git.remote_refs(new) == {new: head}


def test_a_limit_of_git_s_that_outlasts_us_is_one(site: Site, tmp_path: Path) -> None:
    git, waits = limited_git(site, tmp_path)
    assert git.fetch("refs/heads/main")
    head = git.remote_refs("refs/heads/main")["refs/heads/main"]
    rule = site.plan(path=".*/info/refs", status=429, headers={"Retry-After": "900"}, times=None)
    said = r"git {} http.*error: 429: the limit is over in 900 seconds, the next pass goes on"
    for verb, call in (
        ("fetch", lambda: git.fetch("refs/heads/main")),
        ("ls-remote", lambda: git.remote_refs("refs/heads/main")),
        ("push", lambda: git.push({"refs/heads/new": ("", head)})),
    ):
        with pytest.raises(RateLimitError, match=said.format(verb)):
            call()
    assert waits == []
    assert rule.fired == 3


def limited_git(site: Site, folder: Path) -> tuple[Git, list[float]]:
    """git with what it waits for, and a repository with a commit."""
    world = site.hub.world
    if world.ref_oid(NAME, "refs/heads/main") is None:
        seed.commit_files(world, world.repositories[NAME], {"a.txt": "a\n"}, "Begin")
    git = Git.scratch(folder / "s.git", Remote(f"{site.hub.url}/{NAME}.git", site.client().token))
    waits: list[float] = []
    git.patience = Patience(waits.append)
    return git, waits
