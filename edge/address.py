"""Camera addresses without their secrets: nothing that is logged, published or raised may hold a password."""

from __future__ import annotations

import re
from typing import Final

# user:password@ or user@ between the scheme and the host, also inside longer texts such as libav's errors. Greedy up
# to the last @ before the path, since cameras accept an unescaped @ in a password.
# The second form is a password with a / ? or # left as it is: what stands before the colon is then no host with a port.
_USERINFO: Final = re.compile(
    r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)"
    r"(?:[^\s/?#'\"]*@|[^\s/?#'\":@\[]*:(?!\d+(?:[/?#]|$))[^\s'\"]*@)"
)
# Also in the path, where some recorders want it: /user=admin&password=... and /user=admin_password=..._channel=1
_SECRET_QUERY: Final = re.compile(
    r"(?P<key>[?&/;_](?:user(?:name)?|usr|login(?:use|pas)|p(?:ass(?:word|wd)?|wd|sw)|token|key|auth|secret)=)[^&\s'\"]*",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """`text` with the user, the password and secret query values of every address in it taken out."""
    return _SECRET_QUERY.sub(r"\g<key>***", _USERINFO.sub(r"\g<scheme>***@", text))
