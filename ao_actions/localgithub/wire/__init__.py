"""Records into the JSON of GitHub's REST API and webhooks, by noun."""
