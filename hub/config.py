"""The hub's settings: one YAML file, or all by command line. Paths in the file are relative to the file."""

from __future__ import annotations

import hashlib
import ipaddress
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from contract.messages import Severity
from contract.yaml_file import FileError, YamlFile
from hub.api.guard import Network, is_loopback
from hub.assessment import Assessment
from hub.cap.settings import CapError, CapPart, check_settings
from hub.exports.disclosure import SMALL_COUNT, SMALL_COUNT_MIN
from hub.mqtt import BrokerAddress
from hub.notify.settings import (
    Notifications,
    NotificationsPart,
    OwnBroker,
    Plain,
    WrongSetting,
    notifications,
)
from hub.notify.webhook import check_url
from hub.oidc.settings import BUTTON, SCOPES, SKEW_S, Grant, Oidc
from hub.people.sessions import MINUTE_MS, Lifetimes
from hub.retention import Retention
from hub.rights import Role
from hub.site import Site

HTTP_PORT = 8080
MQTT_PORT = 1883
IN_VAULT = "vault:"

Port = Annotated[int, Meta(ge=1, le=65_535)]


class ConfigError(ValueError):
    """Settings that cannot be used; the message says which, and what to do."""


class _Part(Struct, kw_only=True, forbid_unknown_fields=True):
    """A key that is not known is an error, since it is most often misspelt."""


class TlsPart(_Part):
    certificate: str
    key: str


class BrokerTlsPart(_Part):
    ca: str
    certificate: str | None = None
    key: str | None = None


class BrokerPart(_Part):
    """`own_site_only` false: messages of other sites are refused and shown, so that a misspelt site is noticed."""

    host: str = "127.0.0.1"
    port: Port = MQTT_PORT
    username: str | None = None
    password_file: str | None = None
    tls: BrokerTlsPart | None = None
    client_id: str | None = None
    own_site_only: bool = False


class SessionPart(_Part):
    """How long somebody stays logged in: without a request or an open page, and at most."""

    idle_minutes: Annotated[int, Meta(ge=5, le=24 * 60)] = 60
    hours: Annotated[int, Meta(ge=1, le=7 * 24)] = 12


class OidcGroupPart(_Part):
    """What a group of the provider gives: roles, and the sites for which (absent: all)."""

    roles: tuple[Role, ...]
    sites: tuple[str, ...] | None = None


class OidcPart(_Part):
    """OpenID Connect (docs/oidc.md). `passwords_for`: the only login names that may still use a password."""

    issuer: str
    client_id: str
    client_secret_file: str | None = None
    button: Annotated[str, Meta(min_length=1, max_length=60)] = BUTTON
    scopes: tuple[str, ...] = SCOPES
    groups_claim: str = "groups"
    name_claim: str = "preferred_username"
    roles: dict[str, OidcGroupPart] = {}
    who: Literal["mapped", "invited"] = "mapped"
    ca_file: str | None = None
    clock_skew_s: Annotated[int, Meta(ge=0, le=600)] = SKEW_S
    passwords_for: tuple[str, ...] | None = None


class HttpPart(_Part):
    """`login`: people (users log in), or none: for demos, replays and exercises, on loopback only.

    `names`: the only Host names answered beside loopback. `trusted_proxies`: addresses or networks of reverse proxies
    that speak TLS outside. `url`: how people reach the hub, for links. `token` is gone and says what to use instead.
    """

    host: str = "127.0.0.1"
    port: Port = HTTP_PORT
    login: Literal["people", "none"] = "people"
    session: SessionPart = msgspec.field(default_factory=SessionPart)
    tls: TlsPart | None = None
    names: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    url: Annotated[str, Meta(pattern=r"^https?://[^/?#\s]+/?$(?!\n)")] | None = None
    oidc: OidcPart | None = None
    token: str | None = None
    token_file: str | None = None


class WebhookPart(_Part):
    url: str
    name: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}$(?!\n)")] | None = None
    min_severity: Severity = "low"
    secret_file: str | None = None


Days = Annotated[int, Meta(ge=1, le=36_600)] | Literal["never"]


class RetentionPart(_Part):
    """How long what is kept is kept. To keep it for ever is written out: `never`; 0 is refused."""

    readings_hours: Annotated[int, Meta(ge=1, le=24 * 366)] = 72
    minutes_days: Days = 365
    alerts_days: Days = 5 * 365
    refusals_days: Days = 30
    sessions_days: Days = 90
    audit_days: Days = 10 * 365


class AuditPart(_Part):
    """Where heads of the audit log are written down besides MQTT, and at most how often. Keep it off this disk."""

    anchor_file: str | None = None
    anchor_every_s: Annotated[int, Meta(ge=1, le=86_400)] = 60


class ExportsPart(_Part):
    """`small_count`: counts under it are not told in exports (docs/exports.md)."""

    small_count: Annotated[int, Meta(ge=SMALL_COUNT_MIN, le=1000)] = SMALL_COUNT


class NoticePart(_Part):
    """`town_file`: what only the town can say (docs/notices.md). `public`: the notice, and nothing else, is served to
    whoever asks, without logging in."""

    town_file: str | None = None
    public: bool = False


class VaultPart(_Part):
    """The master keys of what is encrypted in the database. Keep a copy apart from the database's backups."""

    key_file: str | None = None


class Config(_Part):
    """What the file holds. `clock: media` is for replays and exercises: now is the newest capture time accepted.

    `language`: for whom nothing else is known of. `words_folder`: the town's own words (docs/languages.md).
    `truth`: for demos and exercises on rendered footage; a file of `python -m models.scenes curve`.
    """

    site: str
    assessment: str | None = None
    database: str = "esplanade.sqlite3"
    clock: Literal["wall", "media"] = "wall"
    broker: BrokerPart = msgspec.field(default_factory=BrokerPart)
    http: HttpPart = msgspec.field(default_factory=HttpPart)
    webhooks: tuple[WebhookPart, ...] = ()
    notifications: NotificationsPart = msgspec.field(default_factory=NotificationsPart)
    truth: str | None = None
    language: Literal["en", "ro", "nl", "es", "el", "lt"] = "en"
    words_folder: str | None = None
    retention: RetentionPart = msgspec.field(default_factory=RetentionPart)
    audit: AuditPart = msgspec.field(default_factory=AuditPart)
    exports: ExportsPart = msgspec.field(default_factory=ExportsPart)
    vault: VaultPart = msgspec.field(default_factory=VaultPart)
    cap: CapPart | None = None
    notice: NoticePart = msgspec.field(default_factory=NoticePart)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the page is served."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    names: frozenset[str] = frozenset()
    proxies: tuple[Network, ...] = ()
    outside: str | None = None

    @property
    def tls(self) -> bool:
        return self.certificate is not None

    @property
    def url(self) -> str:
        """How people reach it."""
        if self.outside is not None:
            return self.outside
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that `hub.app.Hub` needs, paths made absolute and secrets read."""

    site: Path
    assessment: Path | None
    database: Path
    media: bool
    broker: BrokerAddress
    listen: Listen
    webhooks: tuple[Plain, ...]
    notify: NotificationsPart
    folder: Path
    file: Path | None = None
    retention: Retention
    small_count: int = SMALL_COUNT
    open: bool = False
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    oidc: Oidc | None = None
    passwords_for: frozenset[str] | None = None
    cap: CapPart | None = None
    town_file: Path | None = None
    notice_is_public: bool = False
    truth: Path | None = None
    anchor_file: Path
    anchor_every_s: int
    config_sha256: str
    vault_key: Path
    assessment_in_vault: str | None = None
    language: str = "en"
    words_folder: Path | None = None


def read_config(path: Path | str) -> Config:
    """Raises FileError naming file, line and key."""
    return YamlFile(path).to(Config)


def settings(config: Config, *, folder: Path, file: Path | None = None) -> Settings:
    """Checks what the types cannot say and reads the secrets. Raises ConfigError. `file`: where `config` was read.

    A listening address that others can reach needs TLS and people who log in: without both nothing starts.
    """

    def at(name: str) -> Path:
        return (folder / name).resolve()

    http, broker = config.http, config.broker
    if http.token is not None or http.token_file is not None:
        raise ConfigError(
            "http.token and http.token_file are gone: people log in by name (http.login: people, the default; the hub "
            "prints a link for the first administrator), and programs use API tokens that a user makes (docs/people.md)"
        )
    if not is_loopback(http.host) and (http.tls is None or http.login == "none"):
        missing = " and ".join(
            text
            for text, lacks in (
                ("http.tls (certificate, key)", http.tls is None),
                ("http.login: people", http.login == "none"),
            )
            if lacks
        )
        raise ConfigError(
            f"http.host {http.host} can be reached from other machines: {missing} must be set; "
            "or listen on 127.0.0.1 and put a reverse proxy in front"
        )
    if http.login == "none" and (http.names or http.trusted_proxies or http.url):
        raise ConfigError(
            "http.login: none is for this machine alone, without http.names, http.trusted_proxies and http.url; "
            "let people log in (http.login: people) before others reach the hub"
        )
    database = at(config.database)
    names = [part.name or f"webhook-{number}" for number, part in enumerate(config.webhooks, start=1)]
    if len(set(names)) != len(names):
        raise ConfigError(f"webhooks: two have the same name ({', '.join(names)}); names are unique")
    try:
        webhooks = tuple(
            Plain(
                name=name,
                url=check_url(name, part.url),
                min_severity=part.min_severity,
                secret=_secret(at(part.secret_file), "webhooks.secret_file") if part.secret_file else None,
            )
            for name, part in zip(names, config.webhooks, strict=True)
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    in_vault = vault_name(config)
    listen = Listen(
        host=http.host,
        port=http.port,
        certificate=_file(at(http.tls.certificate), "http.tls.certificate") if http.tls else None,
        key=_file(at(http.tls.key), "http.tls.key") if http.tls else None,
        names=frozenset(name.lower() for name in http.names),
        proxies=tuple(_network(text) for text in http.trusted_proxies),
        outside=None if http.url is None else http.url.rstrip("/"),
    )
    if http.oidc is not None and http.login == "none":
        raise ConfigError("http.oidc needs people who log in: take http.login: none out")
    return Settings(
        site=at(config.site),
        assessment=at(config.assessment) if config.assessment and in_vault is None else None,
        assessment_in_vault=in_vault,
        vault_key=vault_key_file(config, folder),
        database=database,
        media=config.clock == "media",
        broker=BrokerAddress(
            host=broker.host,
            port=broker.port,
            username=broker.username,
            password=_secret(at(broker.password_file), "broker.password_file")
            if broker.password_file
            else None,
            ca=_file(at(broker.tls.ca), "broker.tls.ca") if broker.tls else None,
            certificate=at(broker.tls.certificate) if broker.tls and broker.tls.certificate else None,
            key=at(broker.tls.key) if broker.tls and broker.tls.key else None,
            client_id=broker.client_id,
            own_site_only=broker.own_site_only,
        ),
        listen=listen,
        oidc=None if http.oidc is None else _oidc(http.oidc, listen.url, at),
        passwords_for=_passwords_for(http.oidc),
        open=http.login == "none",
        lifetimes=Lifetimes(
            idle_ms=http.session.idle_minutes * MINUTE_MS, whole_ms=http.session.hours * 60 * MINUTE_MS
        ),
        truth=at(config.truth) if config.truth else None,
        language=config.language,
        words_folder=at(config.words_folder) if config.words_folder else None,
        webhooks=webhooks,
        notify=config.notifications,
        cap=config.cap,
        folder=folder,
        file=file,
        retention=_retention(config.retention),
        anchor_file=anchor_file(config, folder),
        anchor_every_s=config.audit.anchor_every_s,
        config_sha256=hashlib.sha256(msgspec.json.encode(config, order="sorted")).hexdigest(),
        small_count=config.exports.small_count,
        town_file=at(config.notice.town_file) if config.notice.town_file else None,
        notice_is_public=config.notice.public,
    )


def _retention(part: RetentionPart) -> Retention:
    days = {
        name: None if (value := getattr(part, name)) == "never" else value
        for name in ("minutes_days", "alerts_days", "refusals_days", "sessions_days", "audit_days")
    }
    if days["audit_days"] is not None and (
        days["alerts_days"] is None or days["alerts_days"] > days["audit_days"]
    ):
        raise ConfigError(
            "retention.audit_days: the audit log is kept at least as long as the alerts that it is about; "
            "write a larger number or never"
        )
    return Retention(readings_hours=part.readings_hours, **days)


def vault_key_file(config: Config, folder: Path) -> Path:
    """Where the vault's master keys are; beside the database unless the file says otherwise."""
    if config.vault.key_file is not None:
        return (folder / config.vault.key_file).resolve()
    return (folder / config.database).resolve().parent / "vault-keys.json"


def vault_name(config: Config) -> str | None:
    """NAME or NAME@VERSION where the assessment is a document of the vault, else None."""
    name = config.assessment or ""
    return name.removeprefix(IN_VAULT) if name.startswith(IN_VAULT) else None


def anchor_file(config: Config, folder: Path) -> Path:
    """Where heads of the audit log are written down; beside the database unless the file says otherwise."""
    if config.audit.anchor_file is not None:
        return (folder / config.audit.anchor_file).resolve()
    return (folder / config.database).resolve().parent / "audit-anchors.txt"


def read_cap(found: Settings, site: Site, assessment: Assessment | None) -> CapPart | None:
    """What leaves as CAP, and as what: the part `cap`, checked against the site. Raises ConfigError.

    Where notifications are marked as an exercise or a test, CAP messages are too.
    """
    if found.cap is None:
        return None
    part = msgspec.structs.replace(found.cap)
    if found.notify.mode == "exercise" and part.exercise is None:
        part.exercise = "of the control room"
    if found.notify.mode == "test" and part.status == "Actual":
        part.status = "Test"
    try:
        check_settings(part, site)
    except CapError as error:
        raise ConfigError(str(error)) from None
    if part.status == "Actual" and assessment is not None and assessment.file.synthetic:
        raise ConfigError(
            "cap.status: Actual goes with a real assessment only; this one is invented (synthetic: true)"
        )
    return part


def read_notifications(found: Settings, site: Site) -> Notifications:
    """Who is told, and how: the part `notifications`, checked against the site. Raises FileError or ConfigError."""

    def at(name: str) -> Path:
        return (found.folder / name).resolve()

    broker = found.broker
    try:
        return notifications(
            found.notify,
            site=site,
            broker=OwnBroker(
                host=broker.host,
                port=broker.port,
                username=broker.username,
                password=broker.password,
                ca=broker.ca,
                certificate=broker.certificate,
                key=broker.key,
            ),
            media=found.media,
            webhooks=found.webhooks,
            page=found.listen.outside,
            secret=lambda name, key: _secret(at(name), key),
            file=lambda name, key: _file(at(name), key),
        )
    except WrongSetting as error:
        if found.file is None:
            raise ConfigError(str(error)) from None
        raise _in_file(found.file, error) from None


def _in_file(file: Path, error: WrongSetting) -> FileError:
    return YamlFile(file).error(error.problem, *error.key)


def _passwords_for(part: OidcPart | None) -> frozenset[str] | None:
    if part is None or part.passwords_for is None:
        return None
    if not part.passwords_for:
        raise ConfigError(
            "http.oidc.passwords_for: name at least one administrator: the way in when the provider is down"
        )
    return frozenset(name.strip().lower() for name in part.passwords_for)


def _oidc(part: OidcPart, hub: str, at: Callable[[str], Path]) -> Oidc:
    for group, given in part.roles.items():
        if Role.PARTNER in given.roles and not given.sites:
            raise ConfigError(
                f"http.oidc.roles.{group}: a partner sees chosen sites only; name them under `sites`"
            )
    try:
        return Oidc(
            issuer=part.issuer,
            client_id=part.client_id,
            client_secret=_secret(at(part.client_secret_file), "http.oidc.client_secret_file")
            if part.client_secret_file
            else None,
            hub=hub,
            button=part.button,
            scopes=part.scopes,
            groups_claim=part.groups_claim,
            name_claim=part.name_claim,
            grants={
                group: Grant(
                    roles=frozenset(given.roles),
                    sites=None if given.sites is None else frozenset(given.sites),
                )
                for group, given in part.roles.items()
            },
            who=part.who,
            ca_file=str(_file(at(part.ca_file), "http.oidc.ca_file")) if part.ca_file else None,
            skew_s=part.clock_skew_s,
        )
    except ValueError as error:
        raise ConfigError(f"http.{error}") from None


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ConfigError(
            f"http.trusted_proxies: {text!r} is no address or network; write 127.0.0.1 or 10.0.0.0/28"
        ) from None


def _secret(path: Path, key: str) -> str:
    """A secret from a file that nobody else may read."""
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(f"{key} {path}: others can read it; chmod 600 {path}")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{key} {path}: cannot be read: {error.strerror}") from None


def _file(path: Path, key: str) -> Path:
    if not path.is_file():
        raise ConfigError(f"{key} {path}: there is no such file")
    return path
