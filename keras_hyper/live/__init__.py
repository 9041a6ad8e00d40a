"""The interactive page: a picture, a level, before and after."""

# Larger pictures and files are refused, by the server (by default) and by the static page.
MAX_PIXELS = 64_000_000
MAX_BYTES = 1 << 28
