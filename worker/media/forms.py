"""The forms of pictures, sound and video that we know by their content."""

from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    PICTURE = "picture"
    SOUND = "sound"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Form:
    """`reader` is what opens it: the name that Pillow, or ffmpeg's table of demuxers, has for it."""

    mimetype: str
    extension: str
    family: Family
    reader: str


JPEG = Form("image/jpeg", "jpg", Family.PICTURE, "JPEG")
PNG = Form("image/png", "png", Family.PICTURE, "PNG")
WEBP = Form("image/webp", "webp", Family.PICTURE, "WEBP")
GIF = Form("image/gif", "gif", Family.PICTURE, "GIF")
AVIF = Form("image/avif", "avif", Family.PICTURE, "AVIF")
HEIC = Form("image/heic", "heic", Family.PICTURE, "")

MP3 = Form("audio/mpeg", "mp3", Family.SOUND, "mp3")
M4A = Form("audio/mp4", "m4a", Family.SOUND, "mov")
AAC = Form("audio/aac", "aac", Family.SOUND, "aac")
AMR = Form("audio/amr", "amr", Family.SOUND, "amr")
OPUS = Form("audio/ogg; codecs=opus", "ogg", Family.SOUND, "ogg")
OGG = Form("audio/ogg", "ogg", Family.SOUND, "ogg")
WAV = Form("audio/x-wav", "wav", Family.SOUND, "wav")
FLAC = Form("audio/flac", "flac", Family.SOUND, "flac")
AIFF = Form("audio/x-aiff", "aiff", Family.SOUND, "aiff")
CAF = Form("audio/x-caf", "caf", Family.SOUND, "caf")

MP4 = Form("video/mp4", "mp4", Family.VIDEO, "mov")
THREE_GP = Form("video/3gpp", "3gp", Family.VIDEO, "mov")
MOV = Form("video/quicktime", "mov", Family.VIDEO, "mov")
MATROSKA = Form("video/x-matroska", "mkv", Family.VIDEO, "matroska")
WEBM = Form("video/webm", "webm", Family.VIDEO, "matroska")
AVI = Form("video/x-msvideo", "avi", Family.VIDEO, "avi")
FLV = Form("video/x-flv", "flv", Family.VIDEO, "flv")
ASF = Form("video/x-ms-asf", "wmv", Family.VIDEO, "asf")
MPEG = Form("video/mpeg", "mpg", Family.VIDEO, "mpeg")
MPEG_TS = Form("video/mp2t", "ts", Family.VIDEO, "mpegts")
OGV = Form("video/ogg", "ogv", Family.VIDEO, "ogg")

ALL = (
    *(JPEG, PNG, WEBP, GIF, AVIF, HEIC),
    *(MP3, M4A, AAC, AMR, OPUS, OGG, WAV, FLAC, AIFF, CAF),
    *(MP4, THREE_GP, MOV, MATROSKA, WEBM, AVI, FLV, ASF, MPEG, MPEG_TS, OGV),
)
