"""What can be done with issues, and with the issue half of pull requests."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ao_actions.localgithub.access import RANK
from ao_actions.localgithub.errors import Refusal, invalid, not_found
from ao_actions.localgithub.model import Comment, Issue, Label, Reaction, Repository
from ao_actions.localgithub.turn import Turn
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire import issues as wire

# docs: "Linking a pull request to an issue"
_CLOSING = re.compile(
    r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:([\w.-]+/[\w.-]+))?#(\d+)"
)
_MENTION = re.compile(r"(?<![\w/&])#(\d+)\b")
_LONGEST_BODY = 65_536


def closing_numbers(repo: Repository, text: str) -> list[int]:
    """The issues that merging a pull request with this text closes."""
    numbers = [
        int(match[2]) for match in _CLOSING.finditer(text) if match[1] in {None, "", repo.full_name}
    ]
    known = [n for n in dict.fromkeys(numbers) if n in repo.issues]
    return [n for n in known if not repo.issues[n].is_pull]


def get(repo: Repository, number: int) -> Issue:
    issue = repo.issues.get(number)
    if issue is None:
        raise not_found()
    return issue


def check_body(resource: str, body: str) -> str:
    if len(body) > _LONGEST_BODY:
        raise invalid(resource, "body", "custom", "body is too long (maximum is 65536 characters)")
    return body


def new_number(repo: Repository) -> int:
    number = repo.next_number
    repo.next_number += 1
    return number


def create(
    turn: Turn,
    title: str,
    body: str,
    labels: Sequence[str] = (),
    assignees: Sequence[str] = (),
) -> Issue:
    """Opens an issue; labels and assignees of people without triage rights are dropped."""
    if not title.strip():
        raise invalid("Issue", "title", "missing_field")
    issue = Issue(
        id=turn.world.next_id(),
        number=new_number(turn.repo),
        title=title,
        body=check_body("Issue", body),
        user=turn.login,
        created_at=turn.now,
        updated_at=turn.now,
    )
    may_set = turn.can("issues")
    names = known_or_new_labels(turn, labels) if may_set else []
    issue.labels = [label.name for label in names]
    issue.assignees = [a for a in assignees if assignable(turn.repo, a)][:10] if may_set else []
    turn.repo.issues[issue.number] = issue
    announce_opened(turn, issue)
    return issue


def announce_opened(turn: Turn, issue: Issue) -> None:
    """`opened`, then one event for each label and assignee that it was opened with."""
    turn.emit_issue(issue, "opened")
    for name in issue.labels:
        turn.note(issue, "labeled", label=name)
        turn.emit_issue(issue, "labeled", label=_label_json(turn, name))
    for login in issue.assignees:
        turn.note(issue, "assigned", assignee=login)
        turn.emit_issue(issue, "assigned", assignee=core.user(turn.wire, login))
    cross_reference(turn, issue, f"{issue.title}\n{issue.body}")


def cross_reference(turn: Turn, source: Issue, text: str) -> None:
    """An issue that is mentioned shows who mentions it, once per source."""
    for number in dict.fromkeys(int(match[1]) for match in _MENTION.finditer(text)):
        target = turn.repo.issues.get(number)
        if target is None or target is source:
            continue
        if any(entry.source == source.number for entry in target.timeline):
            continue
        turn.note(target, "cross-referenced", source=source.number)


def edit(turn: Turn, issue: Issue, title: str | None, body: str | None) -> None:
    changes = {}
    if title is not None and title != issue.title:
        changes["title"] = {"from": issue.title}
        turn.note(issue, "renamed", rename=[issue.title, title])
        issue.title = title
    if body is not None and body != issue.body:
        changes["body"] = {"from": issue.body}
        issue.body = check_body("Issue", body)
        issue.edited_at, issue.editor = turn.now, turn.login
        cross_reference(turn, issue, body)
    if changes:
        issue.updated_at = turn.now
        turn.emit_issue(issue, "edited", changes=changes)


def close(turn: Turn, issue: Issue, reason: str | None = None, commit: str | None = None) -> None:
    if issue.state == "closed":
        return
    issue.state = "closed"
    issue.state_reason = None if issue.is_pull else reason or "completed"
    issue.closed_at = turn.now
    issue.closed_by = turn.login
    turn.note(issue, "closed", commit_id=commit)
    turn.emit_issue(issue, "closed")


def reopen(turn: Turn, issue: Issue) -> None:
    if issue.state == "open":
        return
    issue.state = "open"
    issue.state_reason = None if issue.is_pull else "reopened"
    issue.closed_at = None
    issue.closed_by = None
    turn.note(issue, "reopened")
    turn.emit_issue(issue, "reopened")


# -- labels


def find_label(repo: Repository, name: str) -> Label | None:
    """Labels are compared without case."""
    return next((each for each in repo.labels if each.name.lower() == name.lower()), None)


def known_or_new_labels(turn: Turn, names: Sequence[str]) -> list[Label]:
    """The labels of those names; unknown ones are created, as GitHub does."""
    found: dict[str, Label] = {}
    for name in names:
        label = find_label(turn.repo, name) or create_label(turn, name)
        found[label.name] = label
    return list(found.values())


def create_label(
    turn: Turn, name: str, color: str = "ededed", description: str | None = None
) -> Label:
    check_label(turn.repo, name, color)
    label = Label(turn.world.next_id(), name, color.lower(), description)
    turn.repo.labels.append(label)
    turn.emit("label", "created", {"label": wire.label(turn.wire, turn.repo, label)})
    return label


def check_label(repo: Repository, name: str, color: str, but: Label | None = None) -> None:
    if not name.strip() or len(name) > 50:
        raise invalid("Label", "name")
    if not re.fullmatch(r"[0-9A-Fa-f]{6}", color):
        raise invalid("Label", "color")
    other = find_label(repo, name)
    if other is not None and other is not but:
        raise invalid("Label", "name", "already_exists")


def add_labels(turn: Turn, issue: Issue, names: Sequence[str]) -> None:
    for label in known_or_new_labels(turn, names):
        if label.name in issue.labels:
            continue
        issue.labels.append(label.name)
        turn.note(issue, "labeled", label=label.name)
        turn.emit_issue(issue, "labeled", label=_label_json(turn, label.name))


def remove_label(turn: Turn, issue: Issue, name: str) -> None:
    present = next((each for each in issue.labels if each.lower() == name.lower()), None)
    if present is None:
        raise Refusal(404, "Label does not exist")
    issue.labels.remove(present)
    turn.note(issue, "unlabeled", label=present)
    turn.emit_issue(issue, "unlabeled", label=_label_json(turn, present))


def set_labels(turn: Turn, issue: Issue, names: Sequence[str]) -> None:
    wanted = [label.name for label in known_or_new_labels(turn, names)]
    for name in [each for each in issue.labels if each not in wanted]:
        remove_label(turn, issue, name)
    add_labels(turn, issue, wanted)


def _label_json(turn: Turn, name: str) -> core.Json:
    label = find_label(turn.repo, name)
    return wire.label(turn.wire, turn.repo, label) if label else {"name": name}


# -- assignees


def assignable(repo: Repository, login: str) -> bool:
    """docs "Assigning issues": people with write permission, and those asked in otherwise."""
    return RANK[repo.collaborators.get(login, "none")] >= RANK["read"]


def assign(turn: Turn, issue: Issue, logins: Sequence[str]) -> None:
    """Adds assignees, at most ten; those who cannot be assigned are silently left out."""
    for login in logins:
        if login in issue.assignees or not assignable(turn.repo, login):
            continue
        if len(issue.assignees) >= 10:
            return
        issue.assignees.append(login)
        turn.note(issue, "assigned", assignee=login)
        turn.emit_issue(issue, "assigned", assignee=core.user(turn.wire, login))


def unassign(turn: Turn, issue: Issue, logins: Sequence[str]) -> None:
    for login in logins:
        if login not in issue.assignees:
            continue
        issue.assignees.remove(login)
        turn.note(issue, "unassigned", assignee=login)
        turn.emit_issue(issue, "unassigned", assignee=core.user(turn.wire, login))


def set_assignees(turn: Turn, issue: Issue, logins: Sequence[str]) -> None:
    unassign(turn, issue, [each for each in issue.assignees if each not in logins])
    assign(turn, issue, logins)


# -- comments


def comment(turn: Turn, issue: Issue, body: str) -> Comment:
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field", "body can't be blank")
    said = Comment(
        id=turn.world.next_id(),
        user=turn.login,
        body=check_body("IssueComment", body),
        created_at=turn.now,
        updated_at=turn.now,
        app=turn.viewer.app_slug,
    )
    issue.comments.append(said)
    issue.updated_at = turn.now
    cross_reference(turn, issue, body)
    _emit_comment(turn, issue, said, "created")
    return said


def edit_comment(turn: Turn, issue: Issue, said: Comment, body: str) -> None:
    before = said.body
    said.body = check_body("IssueComment", body)
    said.updated_at = said.edited_at = issue.updated_at = turn.now
    _emit_comment(turn, issue, said, "edited", changes={"body": {"from": before}})


def delete_comment(turn: Turn, issue: Issue, said: Comment) -> None:
    issue.comments.remove(said)
    issue.updated_at = turn.now
    _emit_comment(turn, issue, said, "deleted")


def find_comment(repo: Repository, identity: int) -> tuple[Issue, Comment]:
    for issue in repo.issues.values():
        for said in issue.comments:
            if said.id == identity:
                return issue, said
    raise not_found()


def may_edit(turn: Turn, author: str) -> bool:
    """Authors edit what they wrote; so do people with write permission."""
    return turn.login == author or turn.can("contents")


def _emit_comment(
    turn: Turn, issue: Issue, said: Comment, action: str, **content: core.Json
) -> None:
    shown = {
        "issue": wire.issue(turn.wire, turn.repo, issue),
        "comment": wire.comment(turn.wire, turn.repo, issue, said),
    }
    turn.emit("issue_comment", action, shown | content)


# -- reactions


def react(turn: Turn, given: list[Reaction], content: str) -> tuple[Reaction, bool]:
    """Adds a reaction; the same one by the same person exists once."""
    if content not in wire.REACTIONS:
        raise invalid("Reaction", "content")
    for reaction in given:
        if (reaction.user, reaction.content) == (turn.login, content):
            return reaction, False
    reaction = Reaction(turn.world.next_id(), turn.login, content, turn.now)
    given.append(reaction)
    turn.world.save()
    return reaction, True
