"""GraphQL: the query that a reconciler asks, and GitHub's own rules."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Api, Hub

FACTORY = """
query($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) {
    viewerPermission visibility
    defaultBranchRef { name target { oid ... on Commit { messageHeadline } } }
    config: object(expression: "HEAD:README.md") { ... on Blob { text } }
    issues(first: 50, labels: ["ao:ready", "bug"], states: OPEN,
           orderBy: {field: CREATED_AT, direction: ASC}) {
      totalCount pageInfo { hasNextPage endCursor }
      nodes {
        id number title author { login __typename }
        labels(first: 20) { nodes { name } }
        assignees(first: 10) { nodes { login } }
        subIssues(first: 5) { totalCount nodes { number } } parent { number }
        blockedBy(first: 10) { nodes { number state } }
        closedByPullRequestsReferences(first: 5) { nodes { number } }
        timelineItems(last: 20, itemTypes: [LABELED_EVENT, CROSS_REFERENCED_EVENT]) {
          nodes {
            __typename
            ... on LabeledEvent { actor { login } label { name } }
            ... on CrossReferencedEvent { source { ... on PullRequest { number } } }
          }
        }
      }
    }
    pullRequests(first: 30, states: OPEN) {
      nodes {
        number headRefOid mergeable mergeStateStatus reviewDecision isDraft
        closingIssuesReferences(first: 5) { nodes { number } }
        reviews(last: 10) { nodes { state author { login } } }
        reviewThreads(first: 20) { nodes { isResolved comments(first: 5) { nodes { body } } } }
        commits(last: 1) { nodes { commit { statusCheckRollup { state
          contexts(first: 50) { nodes { __typename
            ... on CheckRun { name conclusion isRequired(pullRequestNumber: 4) }
            ... on StatusContext { context state isRequired(pullRequestNumber: 4) } } } } } } }
      }
    }
  }
  rateLimit { cost remaining limit resetAt nodeCount }
}
"""


def test_the_factory_query(hub: Hub, octocat: Api, hubot: Api) -> None:
    ids = [
        octocat.post("issues", title=title, labels=labels).json()["id"]
        for title, labels in (("One", ["ao:ready"]), ("Two", ["bug"]), ("Three", []))
    ]
    octocat.post("issues/1/sub_issues", sub_issue_id=ids[1])
    octocat.post("issues/1/dependencies/blocked_by", issue_id=ids[2])
    sha = hub.commit("topic", notes__txt="one\ntwo\nthree\nfour\n")
    octocat.post("pulls", title="P", head="topic", base="main", body="Closes #1")
    octocat.post(f"statuses/{sha}", state="failure", context="ci")
    comments = [{"path": "notes.txt", "line": 4, "body": "why?"}]
    hubot.post("pulls/4/reviews", event="REQUEST_CHANGES", body="no", comments=comments)
    body = hub.graphql(hub.token(), FACTORY, owner="octocat", name="hello")
    assert "errors" not in body
    repository = body["data"]["repository"]
    one, two = repository["issues"]["nodes"]
    assert (one["number"], two["number"]) == (1, 2)  # either label: GraphQL means OR
    assert one["blockedBy"]["nodes"] == [{"number": 3, "state": "OPEN"}]
    assert two["parent"] == {"number": 1}
    assert [each["__typename"] for each in one["timelineItems"]["nodes"]] == [
        "LabeledEvent",
        "CrossReferencedEvent",
    ]
    pull = repository["pullRequests"]["nodes"][0]
    assert pull["closingIssuesReferences"]["nodes"] == [{"number": 1}]
    # nothing is required of main: no decision, whatever was said
    assert (pull["reviewDecision"], pull["mergeStateStatus"]) == (None, "UNSTABLE")
    rollup = pull["commits"]["nodes"][0]["commit"]["statusCheckRollup"]
    assert rollup["state"] == "FAILURE"
    assert rollup["contexts"]["nodes"][0]["context"] == "ci"
    # 1 + 50*6 for issues, 1 + 30*4 + 30*20 + 30 for pull requests: 1052 / 100, rounded
    assert body["data"]["rateLimit"]["cost"] == 11


@pytest.mark.parametrize(
    ("selection", "kind"),
    [
        ("issues { nodes { number } }", "MISSING_PAGINATION_BOUNDARIES"),
        ("issues(first: 101) { nodes { number } }", "EXCESSIVE_PAGINATION"),
        ("issue(number: 99) { number }", "NOT_FOUND"),
        ("pullRequest(number: 99) { number }", "NOT_FOUND"),
    ],
)
def test_errors_have_their_type_at_the_top(hub: Hub, selection: str, kind: str) -> None:
    query = f'{{repository(owner:"octocat",name:"hello"){{{selection}}}}}'
    error = hub.graphql(hub.token(), query)["errors"][0]
    assert error["type"] == kind
    assert "extensions" not in error


def test_missing_repository(hub: Hub) -> None:
    body = hub.graphql(hub.token(), '{repository(owner:"o",name:"r"){id} viewer{login}}')
    assert body["data"] == {"repository": None, "viewer": {"login": "octocat"}}
    assert body["errors"][0]["type"] == "NOT_FOUND"
    assert body["errors"][0]["path"] == ["repository"]


EDITED = """
{ repository(owner: "octocat", name: "hello") { issue(number: 1) {
    lastEditedAt editor { login __typename }
    timelineItems(last: 5, itemTypes: [RENAMED_TITLE_EVENT]) {
      nodes { ... on RenamedTitleEvent { previousTitle currentTitle actor { login } } } } } }
  viewer { login __typename } }
"""


def test_who_changed_an_issue(hub: Hub, octocat: Api, hubot: Api) -> None:
    """A title has its events, a text only its last edit; neither is the other."""
    octocat.post("issues", title="One", body="Please.")
    hubot.patch("issues/1", title="Two")
    issue = hub.graphql(hub.token(), EDITED)["data"]["repository"]["issue"]
    assert (issue["lastEditedAt"], issue["editor"]) == (None, None)
    [renamed] = issue["timelineItems"]["nodes"]
    assert (renamed["previousTitle"], renamed["currentTitle"]) == ("One", "Two")
    octocat.patch("issues/1", body="Now.")
    data = hub.graphql(hub.token(), EDITED)["data"]
    assert data["repository"]["issue"]["editor"] == {"login": "octocat", "__typename": "User"}
    assert data["repository"]["issue"]["lastEditedAt"] is not None
    assert data["viewer"] == {"login": "octocat", "__typename": "User"}


def test_an_app_sees_itself_as_rest_shows_it_and_others_without_bot(hub: Hub) -> None:
    job = hub.job(issues="write", contents="read")
    hub.api(job).post("issues", title="One")
    asked = 'repository(owner: "octocat", name: "hello") { issue(number: 1) { author { login } } }'
    data = hub.graphql(job, f"{{ {asked} viewer {{ login }} }}")["data"]
    assert data["viewer"]["login"] == "github-actions[bot]"
    assert data["repository"]["issue"]["author"]["login"] == "github-actions"


def test_total_count_needs_no_bound(hub: Hub) -> None:
    body = hub.graphql(
        hub.token(), '{repository(owner:"octocat",name:"hello"){issues{totalCount}}}'
    )
    assert body["data"]["repository"]["issues"]["totalCount"] == 0


def test_pages_follow_cursors(hub: Hub, octocat: Api) -> None:
    for number in range(5):
        octocat.post("issues", title=f"i{number}")
    query = (
        'query($after:String){repository(owner:"octocat",name:"hello"){'
        "issues(first:2,after:$after){nodes{number} pageInfo{hasNextPage endCursor}}}}"
    )
    seen: list[int] = []
    after: str | None = None
    while True:
        reply = hub.graphql(hub.token(), query, after=after)
        page: dict[str, Any] = reply["data"]["repository"]["issues"]
        seen += [each["number"] for each in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == [1, 2, 3, 4, 5]


def test_mutations(hub: Hub, octocat: Api) -> None:
    token = hub.token()
    issue = octocat.post("issues", title="x").json()["node_id"]
    label = octocat.get("labels/bug").json()["node_id"]
    done = hub.graphql(
        token,
        "mutation($i:ID!,$l:[ID!]!){addLabelsToLabelable(input:{labelableId:$i,labelIds:$l})"
        "{labelable{labels(first:5){nodes{name}}}}}",
        i=issue,
        l=[label],
    )
    assert done["data"]["addLabelsToLabelable"]["labelable"]["labels"]["nodes"] == [{"name": "bug"}]
    said = hub.graphql(
        token,
        'mutation($i:ID!){addComment(input:{subjectId:$i,body:"hi",clientMutationId:"7"})'
        "{clientMutationId commentEdge{node{id body}}}}",
        i=issue,
    )["data"]["addComment"]
    assert said["clientMutationId"] == "7"
    hidden = hub.graphql(
        token,
        "mutation($i:ID!){minimizeComment(input:{subjectId:$i,classifier:OUTDATED})"
        "{minimizedComment{isMinimized minimizedReason}}}",
        i=said["commentEdge"]["node"]["id"],
    )["data"]["minimizeComment"]["minimizedComment"]
    assert hidden == {"isMinimized": True, "minimizedReason": "outdated"}
    refused = hub.graphql(
        hub.job(issues="read"),
        "mutation($i:ID!){closeIssue(input:{issueId:$i}){issue{state}}}",
        i=issue,
    )
    assert refused["errors"][0]["type"] == "FORBIDDEN"


def test_introspection_answers(hub: Hub) -> None:
    query = '{__type(name:"Issue"){fields(includeDeprecated:true){name}}}'
    names = {each["name"] for each in hub.graphql(hub.token(), query)["data"]["__type"]["fields"]}
    assert {"blockedBy", "subIssues", "assignedActors"} <= names
