"""Camera addresses without their secrets: nothing that is logged, published or raised may hold a password."""

from __future__ import annotations

import re
from typing import Final

# user:password@ or user@ between the scheme and the host, also inside longer texts such as libav's errors. Greedy up
# to the last @ before the path, since cameras accept an unescaped @ in a password.
_USERINFO: Final = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#'\"]*@")
_SECRET_QUERY: Final = re.compile(
    r"(?P<key>[?&](?:user(?:name)?|usr|pass(?:word|wd)?|pwd|token|key|auth|secret)=)[^&\s'\"]*", re.IGNORECASE
)


def redacted(text: str) -> str:
    """`text` with the user, the password and secret query values of every address in it taken out."""
    return _SECRET_QUERY.sub(r"\g<key>***", _USERINFO.sub(r"\g<scheme>***@", text))
