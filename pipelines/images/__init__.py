"""The only reader and writer of picture files: pixels and metadata."""

from pipelines.images.formats import (
    FORMATS,
    KINDS,
    MAX_PIXELS,
    RAW,
    find_pictures,
    format_of,
    is_hidden,
    is_picture,
    middle,
    use_own_pixel_limit,
)
from pipelines.images.reading import (
    PictureFile,
    decode_picture,
    read_pages,
    read_picture,
    read_picture_file,
)
from pipelines.images.writing import (
    QUALITY,
    check_holds,
    check_pages,
    copy_file,
    kind_to_write,
    lost_metadata,
    with_pixels,
    write_pages,
    write_picture_file,
)

__all__ = [
    "FORMATS",
    "KINDS",
    "MAX_PIXELS",
    "QUALITY",
    "RAW",
    "PictureFile",
    "check_holds",
    "check_pages",
    "copy_file",
    "decode_picture",
    "find_pictures",
    "format_of",
    "is_hidden",
    "is_picture",
    "kind_to_write",
    "lost_metadata",
    "middle",
    "read_pages",
    "read_picture",
    "read_picture_file",
    "use_own_pixel_limit",
    "with_pixels",
    "write_pages",
    "write_picture_file",
]
