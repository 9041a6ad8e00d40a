"""Names under which a server answers, against DNS rebinding."""

import ipaddress
import socket
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web


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


def refuse_other_hosts(allowed: Collection[str]) -> Any:
    """Returns a middleware of aiohttp that answers 403 unless the Host header is allowed."""

    @web.middleware
    async def checked(request, handler):
        if is_allowed_host(request.host, allowed):
            return await handler(request)
        raise web.HTTPForbidden(
            text=f"expected an allowed Host, got {request.host}: see --allowed-hosts"
        )

    return checked
