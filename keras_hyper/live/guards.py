"""What stands before every request of the page: who may ask, and how it is told no."""

import urllib.parse

from aiohttp import web

from keras_hyper.live.pictures import GoneError

# Nothing from elsewhere, whatever a picture's name says.
_POLICY = "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'"


async def headers(request, response):
    """Sets what every answer carries."""
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"


@web.middleware
async def from_here(request, handler):
    """Refuses what another site's page makes a browser ask."""
    origin = request.headers.get("Origin")
    if origin is not None and urllib.parse.urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="asked by a page of another site")
    return await handler(request)


@web.middleware
async def in_words(request, handler):
    """Answers wrong requests with a line that says what was wanted."""
    try:
        return await handler(request)
    except GoneError as error:
        raise web.HTTPGone(text=str(error)) from error
    except KeyError as error:
        raise web.HTTPBadRequest(text=f"{error} is missing") from error
    except (ValueError, OSError) as error:
        raise web.HTTPBadRequest(text=" ".join(str(error).split())) from error
