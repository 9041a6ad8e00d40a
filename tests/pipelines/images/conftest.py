import numpy as np
import pytest
from PIL import Image, ImageCms

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>'
    b'<?xpacket end="w"?>'
)
# A caption as IPTC has it: record 2, data set 120.
IPTC = b"\x1c\x02\x78\x00\x05hello"
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LIMIT = 10_000_000


def exif(orientation=6):
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = "a description"
    tags.get_ifd(0x8769).update({0x9003: "1974:07:14 12:00:00", 0x927C: b"notes of a maker"})
    tags.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 1.0)})
    return tags.tobytes()


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (11, 14, 3), dtype=np.uint8)
