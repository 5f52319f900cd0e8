/** The one screen: joins the stream, the operator's actions and the parts of the page. */

import { html, nothing } from "lit";
import { Actions } from "./actions.js";
import { safeVideoAddress } from "./address.js";
import { api, Refused } from "./api.js";
import "./ask.js";
import "./banner.js";
import { PageElement } from "./element.js";
import { Feed } from "./feed.js";
import { clockIn } from "./format.js";
import "./header.js";
import { listenToKeys } from "./keys.js";
import { P } from "./people/text.js";
import { who } from "./people/who.js";
import { placeName } from "./places.js";
import "./plan.js";
import "./queue.js";
import { byUrgency, waits } from "./scale.js";
import { settings } from "./settings.js";
import "./side.js";
import { Siren } from "./sound.js";
import { newAlerts } from "./state.js";
import { SEVERITY_WORDS, T } from "./text.js";
import "./timeline.js";
import { told, words } from "./words.js";

const APPROVALS_EVERY_MS = 10_000;
const TO_SIGN_IN_MS = 5000; // the tone sounds and the banner is read first

class App extends PageElement {
  static properties = {
    site: { state: true }, problem: { state: true }, zone: { state: true }, alert: { state: true },
    camera: { state: true }, opened: { state: true }, tab: { state: true }, announcement: { state: true }, approvals: { state: true },
  };

  constructor() {
    super();
    this.site = null;
    this.problem = null;
    this.zone = null;
    this.alert = null;
    this.camera = null;
    this.opened = null;
    this.tab = "zones";
    this.announcement = "";
    this.feed = new Feed(api.events);
    this.siren = new Siren(settings.get("sound"));
    this.actions = new Actions({ feed: this.feed, ask: (spec) => this.querySelector("esp-ask").ask(spec), site: () => this.site });
    this.known = null;
    this.second = 0;
    this.approvals = 0;
  }

  connectedCallback() {
    super.connectedCallback();
    this.feed.addEventListener("change", () => this.#changed());
    this.feed.addEventListener("phase", () => this.#phase());
    this.feed.addEventListener("lost", () => this.#lost());
    this.feed.addEventListener("tick", () => this.#tick());
    settings.addEventListener("change", () => this.requestUpdate());
    this.siren.addEventListener("change", () => this.requestUpdate());
    const wake = () => this.siren.state === "waiting" && this.siren.arm();
    for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, wake);
    listenToKeys(this);
    this.addEventListener("select-zone", (event) => this.selectZone(event.detail.zone));
    this.addEventListener("select-alert", (event) => this.selectAlert(event.detail.alert));
    this.addEventListener("select-camera", (event) => (this.camera = event.detail.camera));
    this.addEventListener("toggle-alert", (event) => this.toggle(event.detail.alert));
    this.addEventListener("show-tab", (event) => (this.tab = event.detail.tab));
    this.addEventListener("do", (event) => this.actions.run(event.detail.what, event.detail.alert));
    this.addEventListener("sound", () => this.#toggleSound());
    this.addEventListener("desk", (event) => this.#desk(event.detail.tab));
    this.addEventListener("approvals-changed", () => this.#countApprovals());
    who.addEventListener("change", () => this.requestUpdate());
    document.addEventListener("signed-out", () => this.#signedOut());
    this.#enter();
  }

  /** Open alerts in the order of the queue. */
  get alerts() {
    return [...this.feed.state.alerts].sort(byUrgency);
  }

  get selectedAlert() {
    return this.feed.state.alerts.find((alert) => alert.alert === this.alert) ?? null;
  }

  selectZone(zone) {
    this.zone = zone;
    this.tab = "zones";
  }

  selectAlert(id) {
    this.alert = id;
    const zone = this.selectedAlert?.zone;
    if (zone) this.zone = zone;
  }

  toggle(id) {
    this.selectAlert(id);
    this.opened = this.opened === id ? null : id;
  }

  async #enter() {
    await words.ready;
    try {
      await who.load();
      // what somebody chose on another machine counts here too; main.js fetches it
      if (who.me.language) settings.set("language", who.me.language);
      this.site = await api.site();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.problem = error.message;
      if (error.status === 401) return;
      setTimeout(() => this.#enter(), 2000);
      return;
    }
    this.problem = null;
    this.clock = clockIn(this.site.time_zone);
    this.zone ??= this.site.zones[0]?.id ?? null;
    this.feed.start();
    this.#countApprovals();
    setInterval(() => this.feed.phase === "live" && this.#countApprovals(), APPROVALS_EVERY_MS);
  }

  /** Those that this person may decide. */
  async #countApprovals() {
    if (!who.me.approves.length || !who.may("approvals.look")) return;
    try {
      this.approvals = (await api.approvals(true)).approvals.filter((one) => one.may_decide).length;
    } catch (error) {
      console.info(`approvals could not be read: ${error.message}`);
    }
  }

  /** The dialog about people; its parts are loaded when it is first opened. */
  async #desk(tab) {
    await import("./people/desk.js");
    await this.updateComplete;
    await this.querySelector("esp-desk").show(tab);
  }

  /** The session is over: not live at once, said in words and by a tone, then the way in. */
  #signedOut() {
    if (this.feed.ended) return;
    if (!this.site) {
      location.replace("/login");
      return;
    }
    this.siren.sound(false);
    this.feed.end();
    this.second = null; // no tick comes any more: header and banner are drawn this once
    this.requestUpdate();
    setTimeout(() => location.assign("/login#over"), TO_SIGN_IN_MS);
  }

  #changed() {
    const { alerts } = this.feed.state;
    if (this.known !== null) this.#announce(newAlerts(this.known, alerts));
    this.known = alerts;
    if (this.alert && !this.selectedAlert) this.alert = this.opened = null;
    if (!this.alert && alerts.length) this.selectAlert(this.alerts[0].alert);
    this.siren.sound(alerts.some((alert) => alert.severity === "high" && waits(alert)));
    this.requestUpdate();
  }

  #announce(fresh) {
    for (const alert of [...fresh].sort(byUrgency).reverse()) {
      this.announcement = T.announce(SEVERITY_WORDS[alert.severity].toLocaleLowerCase(words.locale), told(alert.title_phrase, alert.title), placeName(this.site, alert));
      const video = safeVideoAddress(alert.vms_url);
      if (alert.severity === "high" && settings.get("autoOpen") && video) window.open(video, "_blank", "noopener");
    }
  }

  #phase() {
    const stale = this.feed.phase === "stale";
    document.documentElement.classList.toggle("stale", stale);
    if (stale) this.siren.once();
    this.announcement = this.feed.ended ? P.overTitle : stale ? T.announceStale : T.announceLive;
    this.requestUpdate();
  }

  async #lost() {
    // a session that is over answers 401, and says so by "signed-out"
    await api.me().catch((error) => console.info(error.message));
    this.requestUpdate();
  }

  #tick() {
    const second = Math.floor(this.feed.hubNow / 1000) + Math.floor(this.feed.silentMs / 1000);
    if (second !== this.second) {
      this.second = second;
      this.requestUpdate();
    }
  }

  async #toggleSound() {
    if (this.siren.state === "on") {
      this.siren.disarm();
    } else {
      await this.siren.arm();
      this.siren.once();
    }
    settings.set("sound", this.siren.state === "on");
  }

  updated() {
    const alerts = this.feed.state.alerts.filter(waits);
    const top = alerts.sort(byUrgency)[0];
    const head = top ? `(${alerts.length}) ${SEVERITY_WORDS[top.severity]}: ` : "";
    document.title = `${this.feed.phase === "stale" ? T.titleStale : head}${this.site?.name ?? T.product}`;
  }

  render() {
    if (!this.site) {
      return html`<esp-ask></esp-ask><p class="first" role="status">${this.problem ?? (words.settled ? T.connecting : "")}</p>`;
    }
    const { feed, site, clock, zone, alert, camera } = this;
    const { state } = feed;
    const now = feed.hubNow;
    const stale = feed.phase === "stale";
    return html`
      <esp-header .feed=${feed} .tick=${this.second} .site=${site} .clock=${clock} .siren=${this.siren}
        .sound=${this.siren.state} .operator=${settings.get("operator")} .approvals=${this.approvals} .me=${who.me}></esp-header>
      <esp-banner .feed=${feed} .tick=${this.second} .site=${site} .clock=${clock}></esp-banner>
      <main>
        <esp-queue .alerts=${this.alerts} .site=${site} .cameras=${state.cameras} .zones=${state.zones} .clock=${clock}
          .now=${now} .selected=${alert} .opened=${this.opened} .stale=${stale}></esp-queue>
        <div class="middle">
          <esp-plan .site=${site} .state=${state} .zone=${zone} .alert=${this.selectedAlert} .camera=${camera}
            .now=${now}></esp-plan>
          ${zone === null ? nothing : html`<esp-timeline .site=${site} .clock=${clock} .zone=${zone} .state=${state}
            .live=${feed.phase === "live"}></esp-timeline>`}
        </div>
        <esp-side .site=${site} .state=${state} .zone=${zone} .camera=${camera} .tab=${this.tab} .clock=${clock}
          .now=${now}></esp-side>
      </main>
      <div class="spoken" role="alert">${this.announcement}</div>
      <esp-desk .stale=${stale} .waiting=${state.alerts.filter(waits).length} .clock=${clock} .now=${now}></esp-desk>
      <esp-ask></esp-ask>`;
  }
}

customElements.define("esp-app", App);
