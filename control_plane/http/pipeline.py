"""What every matched request passes, in this order: who, how often, once only, one transaction."""

from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send
from litestar.types.asgi_types import HTTPScope, WebSocketScope

from control_plane.db.engine import Database
from control_plane.errors import PROBLEM_MEDIA_TYPE, AppError, problem
from control_plane.http import authentication, idempotency, rate_limit, sockets, transactions
from control_plane.http.authentication import Authenticator
from control_plane.http.forms import FORM
from control_plane.http.limiter import Limiter
from control_plane.http.principal import Access, Principal, access_of
from control_plane.http.problems import as_app_error
from control_plane.http.request_bodies import RequestBody, again, body_with_file
from control_plane.http.request_context import request_id
from control_plane.http.transactions import RequestTransaction
from control_plane.settings import Settings


class Pipeline:
    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        database: Database,
        authenticator: Authenticator,
        limiter: Limiter,
    ) -> None:
        self._app = app
        self._settings = settings
        self._database = database
        self._authenticator = authenticator
        self._limiter = limiter
        self._in_flight = idempotency.InFlight()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            await self._socket(scope, receive, send)
            return
        http = scope
        rule = access_of(http["route_handler"].opt)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in http["headers"]}
        transaction = transactions.begin(http, self._database)
        principal = await self._principal(headers, rule)
        http["user"], http["auth"] = principal, rule
        answer = _Edge(send, transaction, await self._limit(http, rule, principal))
        try:
            async with self._body(http, receive, headers, rule) as body:
                key = idempotency.read_key(headers) if principal and http["method"] == "POST" else None
                if key is None or principal is None:
                    await self._app(scope, body.limited() if rule.takes_files else receive, answer)
                else:
                    await self._once(http, body, answer, key, _Caller(principal, rule, headers))
        finally:
            await transaction.close()

    async def _socket(self, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        """Who opens one shows a ticket to its handler, unless the rule of the route asks for a credential."""
        rule = access_of(scope["route_handler"].opt)
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            scope["user"] = principal = await self._principal(headers, rule)
            await self._limit(scope, rule, principal)
        except AppError as error:
            await sockets.refuse(receive, send, error)
            return
        await self._app(scope, receive, send)

    def _body(
        self, scope: HTTPScope, receive: Receive, headers: dict[str, str], rule: Access
    ) -> AbstractAsyncContextManager[RequestBody]:
        most = self._settings.max_body_bytes
        if rule.takes_files:
            return body_with_file(scope, receive, headers, most)
        return nullcontext(RequestBody(receive, most))

    async def _principal(self, headers: dict[str, str], rule: Access) -> Principal | None:
        if rule.public:
            return None
        principal = await self._authenticator.authenticate(authentication.bearer(headers, rule))
        authentication.authorize(principal, rule)
        return principal

    async def _limit(
        self, scope: HTTPScope | WebSocketScope, rule: Access, principal: Principal | None
    ) -> dict[str, str]:
        if rule.unlimited:
            return {}
        address = scope["state"]["address"]
        buckets = rate_limit.buckets_for(rule, principal, address, self._settings.address_requests_per_minute)
        verdicts = await self._limiter.check(buckets)
        refusal = rate_limit.refusal(verdicts)
        if refusal is not None:
            raise refusal
        return rate_limit.headers(verdicts)

    async def _once(
        self, scope: HTTPScope, given: RequestBody, answer: "_Edge", key: str, caller: "_Caller"
    ) -> None:
        body = await given.whole()
        content_type = caller.headers.get("content-type", "")
        print_of_request = idempotency.fingerprint(scope["query_string"], content_type, body)
        if given.form is not None:
            form = given.form.fingerprint()
            print_of_request = idempotency.fingerprint(scope["query_string"], FORM, form)
        route = f"{scope['method']} {scope['path']}"
        tenant = caller.principal.user_id
        claimed = await self._in_flight.claim(self._database, tenant, route, key, print_of_request)
        if isinstance(claimed, idempotency.Replay):
            await answer.replay(claimed)
            return
        answer.keep_answer_for(claimed, caller)
        idempotency.remember(scope, claimed)
        try:
            await self._app(scope, again(body, given.receive), answer)
        finally:
            self._in_flight.done(tenant, claimed)
            if not answer.committed:
                # What the handler wrote goes first: it may hold the lock of the very row that is released.
                await answer.roll_back()
                # Nothing was done. If this fails as well, the claim ends by itself after its lease.
                await idempotency.release(self._database, tenant, claimed)


@dataclass(frozen=True, slots=True)
class _Caller:
    principal: Principal
    rule: Access
    headers: dict[str, str]


class _Edge:
    """Holds the begin of the answer back until the transaction is committed.

    An answer of 400 or above rolls back, unless the error itself is to be recorded.
    """

    def __init__(self, send: Send, transaction: RequestTransaction, headers: dict[str, str]) -> None:
        self._send = send
        self._transaction = transaction
        self._headers = headers
        self._start: HTTPResponseStartEvent | None = None
        self._keep: tuple[idempotency.Claimed, _Caller] | None = None
        self._replaced = False
        self.committed = False

    def keep_answer_for(self, claimed: idempotency.Claimed, caller: _Caller) -> None:
        self._keep = (claimed, caller)

    async def roll_back(self) -> None:
        await self._transaction.close()

    async def replay(self, replay: idempotency.Replay) -> None:
        headers = {**replay.headers, "idempotent-replayed": "true"}
        await self._answer(replay.status, headers, replay.body)

    async def __call__(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] == "http.response.body" and self._start is not None:
            start, self._start = self._start, None
            try:
                await self._settle(start, message.get("body", b""), bool(message.get("more_body")))
            except Exception as exception:
                await self._replace(exception)
                return
            start["headers"] = [*start.get("headers", ()), *_encoded(self._headers)]
            await self._send(start)
        await self._send(message)

    async def _settle(self, start: HTTPResponseStartEvent, body: bytes, streamed: bool) -> None:
        if start["status"] >= 400 and not self._transaction.keep_changes:
            return
        if self._keep is not None and not streamed:
            claimed, caller = self._keep
            headers = {name.decode(): value.decode("latin-1") for name, value in start.get("headers", ())}
            kept: dict[str, str] = {
                name: headers[name] for name in ("content-type", "location") if name in headers
            }
            answer = idempotency.Replay(
                start["status"], kept, idempotency.without(caller.rule.shown_once, body)
            )
            session = self._transaction.session or self._transaction.tenant(caller.principal)
            await idempotency.store(session, caller.principal.user_id, claimed, answer)
        await self._transaction.commit()
        self.committed = True

    async def _replace(self, exception: Exception) -> None:
        """The commit was refused: what the handler wanted to say is not true."""
        self._replaced = True
        error = as_app_error(exception)
        body = msgspec.json.encode(problem(error, request_id()))
        await self._answer(error.code.status, {"content-type": PROBLEM_MEDIA_TYPE, **error.headers}, body)

    async def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        own = {**headers, **self._headers, "content-length": str(len(body))}
        await self._send({"type": "http.response.start", "status": status, "headers": _encoded(own)})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
