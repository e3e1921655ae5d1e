"""What people send us to be sent: one shape for each kind, told apart by `type`."""

from typing import Annotated, Any

import msgspec
from litestar._openapi.schema_generation import SchemaCreator
from litestar.openapi.spec import Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

from control_plane.accounts.schemas import Body
from control_plane.messages.files.bodies import (
    Answering,
    AnyFile,
    MessageId,
    Outgoing,
    To,
)

LongText = Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]
Emoji = Annotated[str, msgspec.Meta(max_length=50)]


class LocationBody(Body):
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    name: Annotated[str, msgspec.Meta(max_length=256)] = ""
    address: Annotated[str, msgspec.Meta(max_length=1024)] = ""


class ContactBody(Body):
    """A name with `phone`, of which a card is made, or with a whole `vcard`."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    phone: Annotated[str, msgspec.Meta(max_length=30)] | None = None
    vcard: Annotated[str, msgspec.Meta(max_length=65_536)] | None = None


class PollBody(Body):
    """`selectable`: how many options a voter may choose; 0 for any number."""

    question: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    options: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=100)]],
        msgspec.Meta(min_length=2, max_length=12),
    ]
    selectable: Annotated[int, msgspec.Meta(ge=0, le=12)] = 1


class ReactionBody(Body):
    """Without an emoji it takes the earlier one back."""

    message_id: MessageId
    emoji: Emoji = ""


class SendText(Answering, kw_only=True, tag="text"):
    """Mentions name people whom the text names as @ and their number."""

    text: LongText


class SendLocation(Answering, kw_only=True, tag="location"):
    location: LocationBody


class SendContact(Answering, kw_only=True, tag="contact"):
    contact: ContactBody | None = None
    contacts: Annotated[list[ContactBody], msgspec.Meta(max_length=100)] = msgspec.field(default_factory=list)


class SendPoll(Answering, kw_only=True, tag="poll"):
    poll: PollBody


class SendReaction(Outgoing, kw_only=True, tag="reaction"):
    reaction: ReactionBody


AnyMessage = SendText | SendLocation | SendContact | SendPoll | SendReaction | AnyFile


class SendBody:
    """Any of them; a text, where no type is named."""

    def __init__(self, message: AnyMessage) -> None:
        self.message = message


def decode_send_body(_kind: type, given: Any) -> SendBody:
    """For the framework, which hands over what JSON said."""
    if isinstance(given, dict) and "type" not in given:
        given = {"type": "text", **given}
    message: AnyMessage = msgspec.convert(given, AnyMessage)
    return SendBody(message)


class SendBodySchema(OpenAPISchemaPlugin):
    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        return value is SendBody

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        del field_definition
        whole = schema_creator.for_field_definition(FieldDefinition.from_annotation(AnyMessage))
        return whole if isinstance(whole, Schema) else Schema(one_of=[whole])


class ReactBody(Body):
    emoji: Emoji


class EditBody(Body):
    text: LongText


class ForwardBody(Body):
    to: To
