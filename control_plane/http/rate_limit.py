"""Which bucket a request is charged to, and the headers that tell what is left."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.errors import AppError, Code
from control_plane.http.limiter import Bucket, Verdict
from control_plane.http.principal import Access, Principal


@dataclass(frozen=True, slots=True)
class Allowance:
    quota: int
    window: float


# Calls that are limited for themselves, beside the tier's requests a minute. For each account, or, before
# somebody is known, for each address.
_OWN_LIMITS = {
    "admin": Allowance(600, 60),
    "password": Allowance(10, 300),
    "account": Allowance(60, 60),
    "register": Allowance(20, 600),
    "sign_in": Allowance(120, 60),
}


def buckets_for(
    rule: Access, principal: Principal | None, address: str, address_requests_per_minute: int
) -> list[Bucket]:
    if principal is None:
        buckets = [Bucket("address", f"address:{address}", address_requests_per_minute, 60)]
        who = address
    else:
        who = str(principal.user_id)
        buckets = [Bucket("requests", f"requests:{who}", principal.limits.requests_per_minute, 60)]
    own = _OWN_LIMITS.get(rule.limit)
    if own is not None:
        buckets.append(Bucket(rule.limit, f"{rule.limit}:{who}", own.quota, own.window))
    return buckets


def headers(verdicts: Sequence[Verdict]) -> dict[str, str]:
    policy = ", ".join(
        f'"{verdict.bucket.name}";q={verdict.bucket.quota};w={verdict.bucket.window:g}'
        for verdict in verdicts
    )
    state = ", ".join(
        f'"{verdict.bucket.name}";r={verdict.remaining};t={math.ceil(verdict.reset)}' for verdict in verdicts
    )
    return {"RateLimit-Policy": policy, "RateLimit": state}


def too_many(refused: Sequence[Verdict], detail: str) -> AppError:
    wait = max(1, math.ceil(max(verdict.retry_after for verdict in refused)))
    return AppError(
        Code.RATE_LIMITED,
        detail,
        headers={"Retry-After": str(wait), **headers(refused)},
        extra={"violatedPolicies": [verdict.bucket.name for verdict in refused], "retryAfter": wait},
    )


def refusal(verdicts: Sequence[Verdict]) -> AppError | None:
    refused = [verdict for verdict in verdicts if not verdict.allowed]
    if not refused:
        return None
    names = " and ".join(
        f"{verdict.bucket.quota} {verdict.bucket.name} in {verdict.bucket.window:g} s" for verdict in refused
    )
    return too_many(refused, f"The limit of {names} is reached. Wait as long as Retry-After says.")
