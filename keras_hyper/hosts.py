"""Names under which a server answers, against DNS rebinding."""

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit


def is_allowed_host(host: str, allowed: Collection[str] = ()) -> bool:
    """Returns whether no page of another site can have given this address a name.

    Args:
        host: The Host header, with or without a port.
        allowed: Names in lower case besides addresses, localhost and this machine's name; ``*`` for
            all.
    """
    name = urlsplit(f"//{host}").hostname or ""
    if name in ("localhost", socket.gethostname().lower(), *allowed) or "*" in allowed:
        return True
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False
