"""Files that were not fetched by themselves, such as those of the history: fetched when somebody asks."""

import msgspec

from control_plane.db.engine import Database
from control_plane.errors import AppError, Code
from control_plane.http.principal import Principal
from control_plane.keyring import Keyring
from control_plane.messages.asking import Asking
from control_plane.messages.details import visible_message
from control_plane.messages.models import Message
from control_plane.sessions.service import Sessions
from shared.contracts.commands import FileWish
from shared.contracts.messages import MessageKey, ReceivedFile
from shared.files.errors import MediaCode


class AskedFiles:
    def __init__(self, database: Database, keyring: Keyring, asking: Asking) -> None:
        self._database = database
        self._keyring = keyring
        self._asking = asking

    async def fetch(self, principal: Principal, message_id: str) -> tuple[Message, bool]:
        """The message, and whether its file is kept; if not, its client is fetching it now."""
        async with self._database.tenant(principal.user_id) as db:
            sessions = Sessions(db, self._keyring)
            message = await visible_message(db, sessions, principal, message_id)
            if "ticket" not in message.content:
                raise AppError(Code.NO_FILE, "This message came without a file, so there is none to fetch.")
            told = message.media or {}
            if "key" in told:
                return message, True
            if told.get("error") == MediaCode.FILE_GONE:
                raise AppError(
                    Code.FILE_GONE, "WhatsApp no longer has this file. Ask its sender to send it again."
                )
            # Pending again, before its fate can be told anew.
            message.media = None
        content = msgspec.convert(
            {**message.content, "type": ReceivedFile.__struct_config__.tag}, ReceivedFile
        )
        key = MessageKey(whatsapp_id=message.whatsapp_message_id or "", sender=message.sender)
        await self._asking.ask(
            principal,
            f"ses-{message.session_id}",
            lambda session: FileWish(epoch=session.epoch, chat=message.chat_id, message=key, content=content),
        )
        return message, False
