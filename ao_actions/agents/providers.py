"""Model providers: where their API is, and the secrets that open it.

One row each. A secret's name says which provider it belongs to and how it travels, so the meter
can hold it for every agent that knows the name (design 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ao_actions.agents.base import Agent, Endpoint


@dataclass(frozen=True, slots=True)
class Provider:
    """`url` is the base that agents are given: with the version where their settings want it.

    `address` names the variable in which a job may give another base (a gateway).
    """

    name: str
    url: str
    address: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret: its environment name, whose it is, and the header that carries it."""

    name: str
    provider: str
    header: str  # "x-api-key" | "authorization" | "x-goog-api-key"


PROVIDERS: Mapping[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider("anthropic", "https://api.anthropic.com", "ANTHROPIC_BASE_URL"),
        Provider("openai", "https://api.openai.com/v1", "OPENAI_BASE_URL"),
        Provider("gemini", "https://generativelanguage.googleapis.com", "GOOGLE_GEMINI_BASE_URL"),
        Provider("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_BASE_URL"),
    )
}

CREDENTIALS: Mapping[str, Credential] = {
    credential.name: credential
    for credential in (
        Credential("ANTHROPIC_API_KEY", "anthropic", "x-api-key"),
        Credential("CLAUDE_CODE_OAUTH_TOKEN", "anthropic", "authorization"),
        Credential("OPENAI_API_KEY", "openai", "authorization"),
        Credential("GEMINI_API_KEY", "gemini", "x-goog-api-key"),
        Credential("MOONSHOT_API_KEY", "moonshot", "authorization"),
    )
}


def names(agent: Agent) -> tuple[str, ...]:
    """Environment names of all that a job may hand over for an agent: keys, then addresses."""
    addresses = {PROVIDERS[CREDENTIALS[name].provider].address: None for name in agent.credentials}
    return (*agent.credentials, *agent.secrets, *addresses)


def held(agent: Agent, environment: Mapping[str, str]) -> Credential | None:
    """The first of its credentials that the environment has."""
    for name in agent.credentials:
        if environment.get(name):
            return CREDENTIALS[name]
    return None


def base_url(provider: str, environment: Mapping[str, str]) -> str:
    """Where a provider's API is: the gateway that the environment names, or its own address."""
    row = PROVIDERS[provider]
    return (environment.get(row.address) or row.url).rstrip("/")


def direct(agent: Agent, environment: Mapping[str, str]) -> Endpoint | None:
    """The endpoint without a meter, with the real key; None if the agent uses none of ours."""
    credential = held(agent, environment)
    if credential is None:
        return None
    return Endpoint(
        provider=credential.provider,
        credential=credential.name,
        url=environment.get(PROVIDERS[credential.provider].address) or None,
        key=environment[credential.name],
    )
