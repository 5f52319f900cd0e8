"""OpenID Connect: people sign in with the town's own account (docs/oidc.md).

settings: what an IT office sets, and which groups give which roles. attempts: sign-ins that were begun and not ended.
provider: what is asked of the provider over HTTPS. id_token: what it says about a person, checked.
"""
