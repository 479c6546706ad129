"""What the local GitHub answers when it will not do something."""

from __future__ import annotations

from typing import Any

DOCS = "https://docs.github.com/rest"


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """A request that is answered with an error status, in GitHub's shape.

    `errors` is the list of a 422 ("Validation Failed"): dicts with resource, field, code and
    sometimes message, or plain sentences.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: list[Any] | None = None,
        docs: str = DOCS,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.docs = docs

    def body(self) -> dict[str, Any]:
        """The JSON that GitHub sends: `status` is a string there."""
        body: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        return body | {"documentation_url": self.docs, "status": str(self.status)}


def not_found() -> Refusal:
    return Refusal(404, "Not Found")


def invalid(resource: str, field: str, code: str = "invalid", message: str = "") -> Refusal:
    """422 as GitHub words it (REST docs, "Troubleshooting": validation failed)."""
    error = {"resource": resource, "field": field, "code": code}
    if message:
        error["message"] = message
    return Refusal(422, "Validation Failed", errors=[error])


def unprocessable(message: str) -> Refusal:
    return Refusal(422, message)
