"""Makes schema.graphql from GitHub's whole schema (npm package @octokit/graphql-schema).

    python -m ao_actions.localgithub.graphql.prune PATH/schema.graphql

Keeps the types named here, what connects them, and the scalars, enums and inputs that their
fields need; then adds what GitHub has and the package lacks. Run by hand when types are added.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from graphql import (
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    parse,
    print_ast,
)

_OBJECTS = """
Actor App Assignable AssignedEvent Assignee AutoMergeDisabledEvent AutoMergeEnabledEvent
AutoMergeRequest BaseRefChangedEvent Blob Bot BranchProtectionRule CheckAnnotation
CheckAnnotationPosition CheckAnnotationSpan CheckRun CheckRunStateCount CheckSuite Closable
ClosedEvent Closer Comment Commit ConvertToDraftEvent CrossReferencedEvent GitActor GitObject
HeadRefDeletedEvent HeadRefForcePushedEvent Issue IssueComment IssueOrPullRequest IssueTemplate
IssueTimelineItems Label Labelable LabeledEvent Language License Lockable Mannequin MergedEvent
Milestone Minimizable Node Organization PageInfo ProjectV2 ProjectV2Item
ProjectV2ItemFieldSingleSelectValue ProjectV2ItemFieldValue PullRequest PullRequestChangedFile
PullRequestCommit PullRequestReview PullRequestReviewComment PullRequestReviewThread
PullRequestTemplate PullRequestTimelineItems RateLimit Reactable Reaction ReactionGroup
ReadyForReviewEvent Ref ReferencedSubject RenamedTitleEvent ReopenedEvent Repository
RepositoryNode RepositoryOwner RequestedReviewer RequirableByPullRequest ReviewDismissedEvent
ReviewRequest ReviewRequestRemovedEvent ReviewRequestedEvent SearchResultItem Status
StatusCheckRollup StatusCheckRollupContext StatusCheckRollupContextConnection StatusContext
StatusContextStateCount SubIssuesSummary Tag Team Tree TreeEntry UnassignedEvent
UniformResourceLocatable UnlabeledEvent User Workflow WorkflowRun
"""

_QUERIES = """
issueOrPullRequest node nodes organization rateLimit repository search user viewer
"""

_MUTATIONS = """
addAssigneesToAssignable addComment addLabelsToLabelable addPullRequestReview
addPullRequestReviewThreadReply addReaction addSubIssue clearLabelsFromLabelable closeIssue
closePullRequest convertPullRequestToDraft createIssue createPullRequest deleteIssueComment
disablePullRequestAutoMerge enablePullRequestAutoMerge markPullRequestReadyForReview
mergePullRequest minimizeComment removeAssigneesFromAssignable removeLabelsFromLabelable
removeSubIssue reopenIssue reopenPullRequest replaceActorsForAssignable requestReviews
requestReviewsByLogin resolveReviewThread unminimizeComment unresolveReviewThread updateIssue
updateIssueComment updatePullRequest
"""

# Fields of whole subjects that nobody asks a local GitHub for; they would pull in more types.
DROPPED = {
    "Repository": "project projects projectsV2 recentProjects packages vulnerabilityAlerts",
    "User": "packages project projects projectsV2 recentProjects sponsoring",
    "Organization": "packages project projects projectsV2 recentProjects",
}

# docs.github.com has these; the package (July 2026) does not.
EXTENSIONS = """
extend type Issue {
  blockedBy(after: String, before: String, first: Int, last: Int, orderBy: IssueDependencyOrder = {field: DEPENDENCY_ADDED_AT, direction: DESC}): IssueConnection!
  blocking(after: String, before: String, first: Int, last: Int, orderBy: IssueDependencyOrder = {field: DEPENDENCY_ADDED_AT, direction: DESC}): IssueConnection!
  issueDependenciesSummary: IssueDependenciesSummary!
  issueType: IssueType
}
type IssueDependenciesSummary { blockedBy: Int! blocking: Int! totalBlockedBy: Int! totalBlocking: Int! }
input IssueDependencyOrder { field: IssueDependencyOrderField! direction: OrderDirection! }
enum IssueDependencyOrderField { CREATED_AT DEPENDENCY_ADDED_AT }
type IssueType { id: ID! name: String! description: String color: IssueTypeColor! isEnabled: Boolean! }
enum IssueTypeColor { GRAY BLUE GREEN YELLOW ORANGE RED PINK PURPLE }
input AddBlockedByInput { issueId: ID! blockingIssueId: ID! clientMutationId: String }
type AddBlockedByPayload { issue: Issue blockingIssue: Issue clientMutationId: String }
input RemoveBlockedByInput { issueId: ID! blockingIssueId: ID! clientMutationId: String }
type RemoveBlockedByPayload { issue: Issue blockingIssue: Issue clientMutationId: String }
type AssigneeEdge { cursor: String! node: Assignee }
type AssigneeConnection { edges: [AssigneeEdge] nodes: [Assignee] pageInfo: PageInfo! totalCount: Int! }
type ActorEdge { cursor: String! node: Actor }
type ActorConnection { edges: [ActorEdge] nodes: [Actor] pageInfo: PageInfo! totalCount: Int! }
enum RepositorySuggestedActorFilter { CAN_BE_ASSIGNED CAN_BE_AUTHOR }
extend type Issue {
  assignedActors(after: String, before: String, first: Int, last: Int): AssigneeConnection!
  suggestedActors(after: String, before: String, first: Int, last: Int, query: String): AssigneeConnection!
}
extend type PullRequest {
  assignedActors(after: String, before: String, first: Int, last: Int): AssigneeConnection!
  suggestedActors(after: String, before: String, first: Int, last: Int, query: String): AssigneeConnection!
}
extend type Repository {
  suggestedActors(after: String, before: String, capabilities: [RepositorySuggestedActorFilter!]!, first: Int, last: Int, query: String): ActorConnection!
}
input ReplaceActorsForAssignableInput { assignableId: ID! actorIds: [ID!] actorLogins: [String!] clientMutationId: String }
type ReplaceActorsForAssignablePayload { assignable: Assignable clientMutationId: String }
input RequestReviewsByLoginInput { pullRequestId: ID! userLogins: [String!] botLogins: [String!] teamSlugs: [String!] union: Boolean = false clientMutationId: String }
type RequestReviewsByLoginPayload { actor: Actor pullRequest: PullRequest clientMutationId: String }
extend type Mutation {
  replaceActorsForAssignable(input: ReplaceActorsForAssignableInput!): ReplaceActorsForAssignablePayload
  requestReviewsByLogin(input: RequestReviewsByLoginInput!): RequestReviewsByLoginPayload
  addBlockedBy(input: AddBlockedByInput!): AddBlockedByPayload
  removeBlockedBy(input: RemoveBlockedByInput!): RemoveBlockedByPayload
}
"""  # noqa: E501

_Composite = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode
_COMPOSITE = (ObjectTypeDefinitionNode, InterfaceTypeDefinitionNode)


class Pruner:
    def __init__(self, source: str) -> None:
        definitions = parse(source, no_location=True).definitions
        self._types = {d.name.value: d for d in definitions if isinstance(d, TypeDefinitionNode)}
        self._keep: dict[str, TypeDefinitionNode] = {}
        self._wanted = set(_OBJECTS.split()) & set(self._types)

    def run(self) -> str:
        for name in sorted(self._wanted | {"Query", "Mutation"}):
            self._add(name)
        ordered = [self._keep[name] for name in sorted(self._keep)]
        text = "\n".join(print_ast(definition) for definition in ordered)
        return f"{text}\n{EXTENSIONS}"

    def _add(self, name: str) -> None:
        definition = self._types.get(name)
        if definition is None or name in self._keep:
            return
        self._keep[name] = definition  # before its fields, which may lead back here
        bare = replace(definition, description=None, directives=())
        if isinstance(bare, _COMPOSITE):
            interfaces = [each for each in bare.interfaces or () if each.name.value in self._wanted]
            bare = replace(bare, fields=self._fields(bare), interfaces=tuple(interfaces))
        elif isinstance(bare, UnionTypeDefinitionNode):
            kept = [each for each in bare.types or () if self._is_wanted(each.name.value)]
            bare = replace(bare, types=tuple(kept))
        elif isinstance(bare, InputObjectTypeDefinitionNode):
            bare = replace(bare, fields=self._inputs(bare.fields or ()))
        elif isinstance(bare, EnumTypeDefinitionNode):
            values = [replace(each, description=None, directives=()) for each in bare.values or ()]
            bare = replace(bare, values=tuple(values))
        self._keep[name] = bare

    def _fields(self, definition: _Composite) -> tuple[FieldDefinitionNode, ...]:
        name = definition.name.value
        only = {"Query": _QUERIES.split(), "Mutation": _MUTATIONS.split()}.get(name)
        dropped = DROPPED.get(name, "").split()
        kept = []
        for field in definition.fields or ():
            wanted = field.name.value in only if only else field.name.value not in dropped
            if not wanted or not (name == "Mutation" or self._is_wanted(_named(field.type))):
                continue
            self._add(_named(field.type))
            arguments = self._inputs(field.arguments or ())
            kept.append(replace(field, description=None, directives=(), arguments=arguments))
        return tuple(kept)

    def _inputs(
        self, values: tuple[InputValueDefinitionNode, ...]
    ) -> tuple[InputValueDefinitionNode, ...]:
        for value in values:
            self._add(_named(value.type))
        return tuple(replace(value, description=None, directives=()) for value in values)

    def _is_wanted(self, name: str) -> bool:
        """Scalars, enums and inputs always; a connection if its nodes are."""
        definition = self._types.get(name)
        if definition is None or name in self._wanted or name.endswith("Payload"):
            return True
        if isinstance(definition, UnionTypeDefinitionNode):
            return False
        if not isinstance(definition, _COMPOSITE):
            return True
        if not name.endswith(("Connection", "Edge")):
            return False
        nodes = [f for f in definition.fields or () if f.name.value in {"nodes", "node"}]
        return bool(nodes) and _named(nodes[0].type) in self._wanted


def _named(node: TypeNode) -> str:
    while isinstance(node, (ListTypeNode, NonNullTypeNode)):
        node = node.type
    return node.name.value if isinstance(node, NamedTypeNode) else ""


if __name__ == "__main__":
    target = Path(__file__).with_name("schema.graphql")
    pruned = Pruner(Path(sys.argv[1]).read_text(encoding="utf-8")).run()
    notice = "# Pruned from @octokit/graphql-schema (MIT, see NOTICE) by prune.py. Do not edit.\n"
    target.write_text(notice + pruned, encoding="utf-8")
