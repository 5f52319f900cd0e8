"""The only wiring: from settings to a running hub, and back down without a thread or a port left."""

from __future__ import annotations

import errno
import gc
import logging
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

import uvicorn

from contract.messages import Alert
from hub import life, vault_start
from hub.anchoring import Anchoring
from hub.api import record_keeping
from hub.api.application import application
from hub.api.describe import describe
from hub.api.guard import HEADERS_MAX_BYTES, Access
from hub.api.wire import protocol
from hub.assessment import Assessment, read_assessment
from hub.cap.desk import ReleaseDesk
from hub.clocks import Clocks
from hub.config import Settings, read_cap, read_notifications
from hub.dispatch import POLL_S, Dispatcher
from hub.documents import lost_text
from hub.duty import with_users
from hub.exports.export import Exports
from hub.exports.stored import Stored
from hub.herald import Herald
from hub.ingest import Ingest
from hub.judge import Judge
from hub.live import ChannelDown, LiveFeed
from hub.monitor import Monitor
from hub.mqtt import Link
from hub.notice_start import notices_of
from hub.notify.desk import Desk
from hub.notify.directory import address_in
from hub.notify.letter import Writer
from hub.people.links import PATH as LINK_PATH
from hub.people.people import People
from hub.records import Records
from hub.releasing import Releasing
from hub.site import read_site
from hub.store import Store
from hub.taking_out import TakingOut
from hub.truth import read_truth
from hub.wall_clock import WallClock
from hub.words.catalogue import Words

log = logging.getLogger("hub")

GRACEFUL_S = 3
STARTED_S = 15.0


class CannotListen(Exception):
    """The address for the page cannot be had; the message says what to change."""


def version() -> str:
    try:
        return installed_version("esplanade")
    except PackageNotFoundError:
        return "unknown"


def listening(host: str, port: int) -> socket.socket:
    """A bound socket. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it answers on a kept connection wait 40 ms
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(128)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            text = f"port {port} on {host} is taken; choose another with --http {host}:PORT or http.port"
        else:
            text = f"cannot listen on {host}:{port}: {error.strerror}; see --http or http.host, http.port"
        raise CannotListen(text) from None
    return found


class _Server(uvicorn.Server):
    """uvicorn waits for open answers before it ends; the event streams never end by themselves."""

    on_exit: Callable[[], None]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # not in the signal handler: it may have interrupted this very thread while it holds a lock of the streams
        self.on_exit()
        await super().shutdown(sockets)

    def end(self) -> None:
        self.should_exit = True


class Hub:
    """One running hub. `run` serves in the calling thread until a signal; `start` and `stop` are for tests."""

    def __init__(
        self, settings: Settings, *, clock: Callable[[], int] | None = None, poll_s: float = POLL_S
    ) -> None:
        """Reads the files, binds the port, opens the database and rebuilds what was known before.

        `poll_s`: how often the outbox is looked at. Raises FileError, ConfigError, CannotListen, StoreError or
        VaultError, with nothing left open.
        """
        self.settings = settings
        self.site = read_site(settings.site)
        self.notify = read_notifications(settings, self.site)
        self._poll_s = poll_s
        assessment = read_assessment(settings.assessment, self.site) if settings.assessment else None
        self._assessment_hash = life.file_sha256(settings.assessment) if settings.assessment else None
        self._truth = read_truth(settings.truth, self.site) if settings.truth else None
        self._words = Words(settings.words_folder, default=settings.language)
        for warning in self._words.warnings:
            log.warning("%s", warning)
        self._thread: threading.Thread | None = None
        with ExitStack() as opened:
            self._socket = opened.enter_context(listening(settings.listen.host, settings.listen.port))
            self.store = opened.enter_context(Store(settings.database))
            self._lost = vault_start.lost(settings)
            if settings.assessment_in_vault is not None:
                assessment, self._assessment_hash = vault_start.assessment_of(settings, self.site)
            self.records = opened.enter_context(closing(Records(settings.database)))
            self._clock = clock or WallClock()
            self.people = opened.enter_context(
                People(
                    settings.database,
                    clock=self._clock,
                    lifetimes=settings.lifetimes,
                    passwords_for=settings.passwords_for,
                )
            )
            if not settings.open:
                self.notify = with_users(self.notify, self.people)
            self.cap = self._release_desk(assessment)
            if self.cap is not None:
                opened.enter_context(closing(self.cap))
            self._wire(assessment, self._clock)
            self.judge.recall()
            self._server = self._new_server()
            self._opened = opened.pop_all()

    def _release_desk(self, assessment: Assessment | None) -> ReleaseDesk | None:
        """None where the configuration has no part `cap`: then nothing can leave as CAP."""
        settings = self.settings
        part = read_cap(settings, self.site, assessment)
        if part is None:
            return None
        return ReleaseDesk(
            settings.database,
            part=part,
            site=self.site,
            assessment=assessment,
            recorded=settings.media or self._truth is not None,
            open_mode=settings.open,
            clock=lambda: self.judge.now_ms,
            wall=self._clock,
            now_open=self._open_alerts,
        )

    def _releasing(self) -> Releasing | None:
        if self.cap is None:
            return None
        return Releasing(desk=self.cap, approvals=self.people.approvals, site=self.site.site)

    def _open_alerts(self) -> dict[str, Alert]:
        state = self.live.state()
        return {} if state is None else {one.alert: one for one in state.alerts}

    def _wire(self, assessment: Assessment | None, clock: Callable[[], int]) -> None:
        settings = self.settings
        directory = self.notify.people
        self.monitor = Monitor(
            site=self.site,
            assessment=assessment,
            run=self.store.run,
            memory=self.store.memory(),
            escalation=self.notify.policy.escalation,
        )
        self.ingest = Ingest(
            site=self.site,
            store=self.store,
            streams=self.store.streams(),
            clocks=Clocks(self.store.clocks()),
            media=settings.media,
        )
        self.live = LiveFeed()
        self.judge = Judge(
            monitor=self.monitor,
            store=self.store,
            ingest=self.ingest,
            live=self.live,
            herald=Herald(site=self.site.site),
            clock=clock,
            media=settings.media,
            cameras=[camera.id for camera in self.site.cameras],
            desk=Desk(
                policy=self.notify.policy,
                directory=directory,
                told=self.records.told(),
                held=self.records.held(),
            ),
            channels_down=self._channels_down,
            on_deliveries=self._wake_dispatcher,
            version=version(),
            retention=settings.retention,
        )
        self.dispatcher = Dispatcher(
            channels=self.notify.channels(),
            writer=Writer(site=self.site, run=self.store.run, mode=self.notify.mode, page=self.notify.page),
            address=address_in(directory),
            records=self.records,
            ask=self.judge.ask,
            clock=clock,
            poll_s=self._poll_s,
        )
        self.link = Link(
            address=settings.broker,
            site=self.site.site,
            inbox=self.judge.inbox,
            clock=clock,
            on_connected=self.judge.connected,
        )
        self.anchoring = Anchoring(
            database=settings.database,
            link=self.link,
            site=self.site.site,
            file=settings.anchor_file,
            every_s=settings.anchor_every_s,
            clock=clock,
        )
        self.taking_out = TakingOut(
            monitor=self.monitor, judge=self.judge, approvals=self.people.approvals, site=self.site.site
        )
        self.web = application(
            site=self.site,
            description=describe(
                self.site, assessment, has_truth=self._truth is not None, has_cap=self.cap is not None
            ),
            monitor=self.monitor,
            judge=self.judge,
            ingest=self.ingest,
            live=self.live,
            records=self.records,
            notify=self.notify,
            dispatcher=self.dispatcher,
            cap=self.cap,
            releasing=self._releasing(),
            truth=self._truth,
            notices=notices_of(settings, self.site, version=version()),
            notice_is_public=settings.notice_is_public,
            exports=Exports(self.site, Stored(settings.database), small_count=settings.small_count),
            access=Access(
                open=settings.open,
                tls=settings.listen.tls,
                names=settings.listen.names,
                proxies=settings.listen.proxies,
            ),
            people=self.people,
            taking_out=self.taking_out,
            url=settings.listen.url,
            oidc=settings.oidc,
            words=self._words,
            version=version(),
            keeping=record_keeping.routes(
                database=settings.database, key_file=settings.vault_key, anchor_file=settings.anchor_file
            ),
        )

    def _channels_down(self) -> tuple[ChannelDown, ...]:
        return self.dispatcher.down()

    def first_link(self) -> str | None:
        """A new link for the first administrator; None where people do not log in, or there is one."""
        if self.settings.open:
            return None
        secret = self.people.links.first()
        return None if secret is None else f"{self.settings.listen.url}{LINK_PATH}#{secret}"

    def _wake_dispatcher(self) -> None:
        self.dispatcher.wake()

    def _new_server(self) -> _Server:
        listen = self.settings.listen
        server = _Server(
            uvicorn.Config(
                self.web,
                http=protocol(self.web.headers),
                h11_max_incomplete_event_size=HEADERS_MAX_BYTES,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACEFUL_S,
                ssl_certfile=listen.certificate,
                ssl_keyfile=listen.key,
                proxy_headers=False,
                lifespan="off",
            )
        )
        server.on_exit = self.live.close
        return server

    @property
    def port(self) -> int:
        port: int = self.settings.listen.port or self._socket.getsockname()[1]
        return port

    def _start_parts(self) -> None:
        # all that is there by now stays: a full collection would look through it again and again (measured: 65 ms)
        gc.collect()
        gc.freeze()
        self._note_start()
        self.judge.start(self.link)
        self.people.approvals.resume()
        if not self.settings.open:
            self.people.passwords.warm()
        self.link.start()
        self.dispatcher.start()
        self.anchoring.start()
        if self.cap is not None:
            self.cap.start()

    def _note_start(self) -> None:
        settings = self.settings
        detail = {
            "version": version(),
            "run": self.store.run,
            "pages": settings.listen.url,
            "config_sha256": settings.config_sha256,
            "site_sha256": life.file_sha256(settings.site),
            "assessment_sha256": self._assessment_hash,
        }
        self.store.note(
            *life.started(self.store.last_start(), detail, site=self.site.site, at_ms=self._clock())
        )
        if self._lost:
            # the square is watched all the same: what is lost is told, and an assessment that is needed ends the start
            log.error("%s", lost_text(self._lost))
            self.store.note(life.keys_lost(sorted(self._lost), at_ms=self._clock()))

    def _stop_parts(self) -> None:
        self.live.close()
        self.dispatcher.stop()
        self.link.stop()
        self.judge.stop()
        self._note_stop()
        self.anchoring.stop()
        self._opened.close()
        gc.unfreeze()

    def _note_stop(self) -> None:
        try:
            self.store.note(life.stopped(site=self.site.site, at_ms=self._clock()))
        except sqlite3.Error as error:  # the next start will say that this one did not stop in order
            log.error("database %s: %s; the stop is not in the audit log", self.settings.database, error)

    def run(self) -> None:
        """Serves until SIGINT or SIGTERM, in the main thread, and leaves everything in order."""
        # uvicorn raises the signal once more when it has ended: that must not cut the rest short
        before = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGINT, signal.SIGTERM)}
        self._start_parts()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._stop_parts()
            for one, handler in before.items():
                signal.signal(one, handler)

    def start(self) -> None:
        """Serves from a thread; returns when requests are answered."""
        self._start_parts()
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="hub-http"
        )
        self._thread.start()
        deadline = time.monotonic() + STARTED_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise CannotListen("the HTTP server did not start; see the log")
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.end()
        if self._thread is not None:
            self._thread.join()
        self._stop_parts()


def create_app(settings: Settings, *, clock: Callable[[], int] | None = None, poll_s: float = POLL_S) -> Hub:
    """A hub, wired and not yet started."""
    return Hub(settings, clock=clock, poll_s=poll_s)
