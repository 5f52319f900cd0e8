"""Why a sign-in over OpenID Connect failed, and what somebody must change."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Stored with the audit entry, counted, and the basis of each test."""

    NOT_INSTALLED = "not_installed"
    UNREACHABLE = "unreachable"
    NOT_TRUSTED = "not_trusted"
    NO_CONFIGURATION = "no_configuration"
    OTHER_ISSUER = "other_issuer"
    NOT_CAPABLE = "not_capable"
    CLIENT_REFUSED = "client_refused"
    CODE_REFUSED = "code_refused"
    CANCELLED = "cancelled"
    PROVIDER_REFUSED = "provider_refused"
    NOT_BEGUN_HERE = "not_begun_here"
    NO_ID_TOKEN = "no_id_token"
    SIGNATURE = "signature"
    ALGORITHM = "algorithm"
    EXPIRED = "expired"
    CLAIM = "claim"
    NONCE = "nonce"
    NO_ROLE = "no_role"
    NOT_INVITED = "not_invited"


class SignInFailed(Exception):
    """`problem` says what failed and where, `do` what to do next; both are shown to who tried to sign in."""

    def __init__(self, reason: Reason, problem: str, do: str) -> None:
        super().__init__(f"{problem}; {do}")
        self.reason = reason
        self.problem = problem
        self.do = do
