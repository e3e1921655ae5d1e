"""How large a file may be that is handed in to be sent; what it is made of may be larger than what leaves."""

from collections.abc import Mapping
from types import MappingProxyType

from shared.contracts.messages import FileKind

MIB = 1024**2

HANDED_IN: Mapping[FileKind, int] = MappingProxyType(
    {
        FileKind.IMAGE: 16 * MIB,
        FileKind.VIDEO: 100 * MIB,
        FileKind.AUDIO: 100 * MIB,
        FileKind.VOICE: 100 * MIB,
        FileKind.DOCUMENT: 100 * MIB,
        FileKind.STICKER: 16 * MIB,
    }
)
LARGEST = max(HANDED_IN.values())
# In JSON a file is in memory several times over; larger ones come as forms or by their address.
IN_JSON = 16 * MIB
