"""Who is asking, and what they may do.

Rules: docs "Repository roles for an organization", "Permissions required for GitHub Apps" and
"Automatic token authentication" (a job's GITHUB_TOKEN is a token of the github-actions app).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from ao_actions.localgithub.errors import Refusal, not_found
from ao_actions.localgithub.model import App, Permission, Repository, Token, TokenKind, User
from ao_actions.localgithub.world import World

RANK: dict[Permission, int] = {
    "none": 0,
    "read": 1,
    "triage": 2,
    "write": 3,
    "maintain": 4,
    "admin": 5,
}

# Any authenticated integration reads these of a public repository, whatever its permissions.
_PUBLIC_SCOPES = frozenset(
    {"metadata", "contents", "issues", "pull_requests", "checks", "statuses", "actions", "issue"}
)
# Without the right, these answer as if they were not there (docs: "404 Not Found for an
# existing resource").
_HIDDEN_SCOPES = frozenset({"contents", "administration", "repository_hooks", "environments"})
_ANONYMOUS = User(id=0, login="")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever holds the credential of a request; without a token, nobody."""

    user: User
    token: Token | None
    app: App | None = None  # authenticated as the app itself, with a JWT

    @property
    def login(self) -> str:
        return self.user.login

    @property
    def kind(self) -> TokenKind:
        return self.token.kind if self.token else "user"

    @property
    def is_anonymous(self) -> bool:
        return self.token is None and self.app is None

    @property
    def is_integration(self) -> bool:
        return self.token is not None and self.token.kind != "user"

    @property
    def app_slug(self) -> str | None:
        """`performed_via_github_app` of what this credential writes."""
        return self.login.removesuffix("[bot]") if self.is_integration else None


def authenticate(world: World, header: str | None) -> Viewer:
    """Reads an Authorization header: `token X`, `Bearer X` or Basic with X as the password."""
    if not header:
        return Viewer(_ANONYMOUS, None)
    scheme, _, credential = header.partition(" ")
    credential = credential.strip()
    if scheme.lower() == "basic":
        credential = _basic(credential)
    if credential.count(".") == 2:
        return _app_viewer(world, credential)
    token = world.tokens.get(credential)
    if token is None or (token.expires_at and token.expires_at <= world.now()):
        raise Refusal(401, "Bad credentials")
    return Viewer(world.user(token.login), token)


def _basic(credential: str) -> str:
    try:
        user, _, password = base64.b64decode(credential).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refusal(401, "Bad credentials") from None
    # GitHub takes the token as the password, or as the user name with an empty or
    # "x-oauth-basic" password
    return user if password in {"", "x-oauth-basic"} else password


def _app_viewer(world: World, jwt: str) -> Viewer:
    """A JWT of a known app. The signature is not checked: there is no key to keep here."""
    issuer = str(_claims(jwt).get("iss", ""))
    for app in world.apps.values():
        if issuer in {str(app.id), app.client_id}:
            return Viewer(world.user(f"{app.slug}[bot]"), None, app)
    raise Refusal(401, "A JSON web token could not be decoded")


def _claims(jwt: str) -> dict[str, object]:
    import json

    payload = jwt.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise Refusal(401, "A JSON web token could not be decoded") from None
    return claims if isinstance(claims, dict) else {}


def role(repo: Repository, login: str) -> Permission:
    """A person's role; everybody reads a public repository."""
    given = repo.collaborators.get(login, "none")
    if given == "none" and not repo.private:
        return "read"
    return given


def has_role(repo: Repository, login: str, needed: Permission) -> bool:
    return RANK[role(repo, login)] >= RANK[needed]


def granted(token: Token, scope: str) -> str:
    """What a job or app token may do in a scope: "", "read" or "write"."""
    wanted = scope.replace("-", "_")
    for name, level in token.permissions.items():
        if name.replace("-", "_") == wanted:
            return "" if level == "none" else level
    return "read" if scope == "metadata" else ""


def sees(viewer: Viewer, repo: Repository) -> bool:
    if not repo.private:
        return True
    if viewer.is_anonymous:
        return False
    if viewer.token is not None and viewer.is_integration:
        return viewer.token.repository in {None, repo.full_name}
    return viewer.app is not None or role(repo, viewer.login) != "none"


def allows(viewer: Viewer, repo: Repository, scope: str, level: str, needed: Permission) -> bool:
    """Whether the viewer has `scope` at `level` ("read" or "write") and the role it takes."""
    if viewer.token is not None and viewer.is_integration:
        here = viewer.token.repository in {None, repo.full_name}
        if here and granted(viewer.token, scope) in (
            {"write"} if level == "write" else {"read", "write"}
        ):
            return True
        return level == "read" and not repo.private and scope in _PUBLIC_SCOPES
    if viewer.is_anonymous:
        return level == "read" and not repo.private and needed == "read"
    return has_role(repo, viewer.login, needed)


def require(viewer: Viewer, repo: Repository, scope: str, level: str, needed: Permission) -> None:
    """Refuses as GitHub does: 404 for what must not be known, 403 for what may not be done."""
    if not sees(viewer, repo):
        raise not_found()
    if allows(viewer, repo, scope, level, needed):
        return
    if viewer.is_anonymous:
        raise Refusal(401, "Requires authentication")
    if viewer.is_integration:
        raise Refusal(403, "Resource not accessible by integration")
    if scope in _HIDDEN_SCOPES:
        raise not_found()
    raise Refusal(403, "Must have admin rights to Repository.")


def find_repository(world: World, viewer: Viewer, full_name: str) -> Repository:
    """A repository that the viewer may see; names are compared without case."""
    repo = world.repositories.get(full_name)
    if repo is None:
        wanted = full_name.lower()
        repo = next((r for n, r in world.repositories.items() if n.lower() == wanted), None)
    if repo is None or not sees(viewer, repo):
        raise not_found()
    return repo
