"""What a test may want otherwise than the real network has it."""

from dataclasses import dataclass, field

from worker.sandbox.clock import Clock


@dataclass(frozen=True, slots=True)
class Options:
    """Clients show the first of six codes for 60 s, every other one for 20 s."""

    qr_codes: int = 6
    first_code_seconds: float = 60.0
    code_seconds: float = 20.0
    # So many messages of each conversation a phone remembers and tells a new companion; none turns it off.
    history_messages: int = 100
    # Phones open messages only when somebody asks for the next one, and keep the latest thousand of them:
    # for measurements, in which the arithmetic of the phones must not be taken for that of the clients.
    lazy_phones: bool = False
    clock: Clock = field(default_factory=Clock)
    seed: str | None = None
