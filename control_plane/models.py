"""Every table of the control plane, imported in one place for the migrations."""

from control_plane.accounts import mail, models  # noqa: F401
from control_plane.db import periodic, revocations  # noqa: F401
from control_plane.events import models as event_models  # noqa: F401
from control_plane.fleet import models as fleet_models  # noqa: F401
from control_plane.http import idempotency  # noqa: F401
from control_plane.messages import models as message_models  # noqa: F401
from control_plane.messages.broadcasts import models as broadcast_models  # noqa: F401
from control_plane.messages.contacts import models as contact_models  # noqa: F401
from control_plane.messages.files import removals  # noqa: F401
from control_plane.messages.history import erasing  # noqa: F401
from control_plane.messages.queue import models as queue_models  # noqa: F401
from control_plane.messages.receiving import receipt_models  # noqa: F401
from control_plane.sessions import models as session_models  # noqa: F401
from control_plane.tiers import models as tier_models  # noqa: F401
from control_plane.webhooks import models as webhook_models  # noqa: F401
