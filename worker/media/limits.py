"""How large files may be, and how much work one may cause."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from shared.contracts.messages import FileKind

MIB = 1024**2
GIB = 1024**3

# The network's own. It publishes those of its Cloud API only (video and audio 16 MB there); phones send more.
WHATSAPP_LIMITS: Mapping[FileKind, int] = MappingProxyType(
    {
        FileKind.IMAGE: 16 * MIB,
        FileKind.VIDEO: 100 * MIB,
        FileKind.AUDIO: 100 * MIB,
        FileKind.VOICE: 16 * MIB,
        FileKind.DOCUMENT: 2 * GIB - 1024,
        FileKind.STICKER: 500_000,
    }
)
STILL_STICKER = 100_000
OUR_LIMITS: Mapping[FileKind, int] = MappingProxyType(
    {
        **WHATSAPP_LIMITS,
        FileKind.AUDIO: 16 * MIB,
        FileKind.DOCUMENT: 100 * MIB,
    }
)
_PICTURES = frozenset({FileKind.IMAGE, FileKind.STICKER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`sent` is for the file that goes out, `source` and `picture` for those that it is made from."""

    sent: Mapping[FileKind, int] = field(default_factory=lambda: OUR_LIMITS)
    still_sticker: int = STILL_STICKER
    source: int = 100 * MIB
    picture: int = 16 * MIB
    # The library hands a received file over whole, in memory.
    received: int = 100 * MIB
    pixels: int = 50_000_000
    # Of all frames of an animation together.
    animation_pixels: int = 400_000_000
    # Of sound and video.
    seconds: int = 3600
    conversion_seconds: float = 120.0
    conversions_at_once: int = 2
    pictures_at_once: int = 2

    def __post_init__(self) -> None:
        for kind, limit in self.sent.items():
            if not 0 < limit <= WHATSAPP_LIMITS[kind]:
                most = WHATSAPP_LIMITS[kind]
                raise ValueError(f"the limit of {kind} must be 1 to {most}, which is the network's own")
        if missing := set(FileKind) - set(self.sent):
            raise ValueError(f"there is no limit of {', '.join(sorted(missing))}")

    def taken_in(self, kind: FileKind) -> int:
        """How large a file may be that is to become one of this kind."""
        if kind is FileKind.DOCUMENT:
            return self.sent[kind]
        return max(self.sent[kind], self.picture if kind in _PICTURES else self.source)
