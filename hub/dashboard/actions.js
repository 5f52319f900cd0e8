/** What the operator does: asks for what is missing, tells the hub, shows its refusal. */

import { api } from "./api.js";
import { P } from "./people/text.js";
import { who } from "./people/who.js";
import { placeName } from "./places.js";
import { settings } from "./settings.js";
import { KIND_WORDS, T } from "./text.js";
import { told, words } from "./words.js";

const MOTOR_KINDS = ["car", "bus", "truck", "motorcycle"];
const SHELF_MINUTES = [10, 30, 60];
const PERMIT_MINUTES = [15, 60, 240];
const SERVICE_MINUTES = [30, 120, 480];

const NEEDS = {
  acknowledge: ["alert.handle"],
  shelve: ["alert.handle"],
  unshelve: ["alert.handle"],
  close: ["alert.handle"],
  permit: ["permit.grant"],
  service: ["rule.out-of-service", "rule.high-off"],
};

export class Actions {
  constructor({ feed, ask, site }) {
    this.feed = feed;
    this.ask = ask;
    this.site = site;
  }

  /** @param {"acknowledge"|"shelve"|"unshelve"|"close"|"permit"|"service"|"operator"|"settings"} what */
  async run(what, alert) {
    if (what === "operator") return this.operator(true);
    if (what === "settings") return this.settings();
    if (this.feed.phase !== "live") return null;
    if (what === "acknowledge" && alert.handling !== "unacknowledged") return null;
    if (!NEEDS[what].some((right) => who.may(right))) return null;
    if (!who.open) return this[what](alert, null);
    const by = await this.operator();
    return by ? this[what](alert, by) : null;
  }

  /** The operator's name, asked once. @returns {Promise<string|null>} null when the question was cancelled */
  async operator(again = false) {
    const known = settings.get("operator");
    if (known && !again) return known;
    const answer = await this.ask({
      title: T.nameTitle,
      why: T.nameWhy,
      fields: [{ name: "name", label: T.name, type: "text", value: known, required: true }],
      submit: T.save,
    });
    if (answer) settings.set("operator", answer.name.trim());
    return answer ? answer.name.trim() : null;
  }

  async acknowledge(alert, by) {
    await this.#tell(T.acknowledge, () => api.acknowledge(alert.alert, by));
  }

  async unshelve(alert, by) {
    await this.#tell(T.unshelve, () => api.unshelve(alert.alert, by));
  }

  async shelve(alert, by) {
    await this.ask({
      title: T.shelveTitle,
      subject: told(alert.title_phrase, alert.title),
      why: T.shelveWhy,
      fields: [minutesField(SHELF_MINUTES), reasonField()],
      submit: T.shelve,
      run: async (v) => this.#put(await api.shelve(alert.alert, by, v.reason.trim(), Number(v.minutes))),
    });
  }

  async close(alert, by) {
    await this.ask({
      title: T.closeTitle,
      subject: told(alert.title_phrase, alert.title),
      fields: [
        { name: "disposition", label: T.disposition, type: "choice", options: Object.entries(T.dispositions), required: true },
        { name: "cause", label: T.cause, type: "text" },
      ],
      submit: T.close,
      run: async (v) => this.#put(await api.close(alert.alert, by, v.disposition, v.cause.trim())),
    });
  }

  async permit(alert, by) {
    await this.ask({
      title: T.permitTitle,
      subject: placeName(this.site(), alert),
      why: T.permitWhy,
      fields: [
        { name: "kinds", label: T.kinds, type: "choices", options: MOTOR_KINDS.map((kind) => [kind, KIND_WORDS[kind]]), required: true },
        minutesField(PERMIT_MINUTES),
        reasonField(),
      ],
      submit: T.permit,
      run: (v) => api.permit(alert.subject, v.kinds, Number(v.minutes), by, v.reason.trim()),
    });
  }

  async service(alert, by) {
    let waits = null;
    await this.ask({
      title: T.serviceTitle,
      subject: `${alert.rule}, ${alert.subject}`,
      why: T.serviceWhy,
      fields: [minutesField(SERVICE_MINUTES), reasonField()],
      submit: T.service,
      run: async (v) => {
        const answer = await api.outOfService(alert.rule, alert.subject, by, Number(v.minutes), v.reason.trim());
        waits = answer.approval ?? null;
      },
    });
    if (waits) await this.ask({ title: T.serviceTitle, subject: waits.summary, why: P.waitsForSecond, fields: [] });
  }

  async settings() {
    const answer = await this.ask({
      title: T.settingsTitle,
      fields: [
        ...(who.open ? [{ name: "operator", label: T.name, type: "text", value: settings.get("operator") }] : []),
        { name: "language", label: T.language, type: "choice", options: languages(), value: settings.get("language") },
        { name: "autoOpen", label: T.autoOpen, type: "yes", value: settings.get("autoOpen") },
        { name: "keys", label: T.keysOn, type: "yes", value: settings.get("keys") },
      ],
      keys: T.keys,
      submit: T.save,
    });
    if (!answer) return;
    if (who.open) settings.set("operator", answer.operator.trim());
    settings.set("autoOpen", answer.autoOpen);
    settings.set("language", answer.language ?? "");
    settings.set("keys", answer.keys);
  }

  #put(answer) {
    this.feed.put(answer.alert);
  }

  async #tell(title, send) {
    try {
      this.#put(await send());
    } catch (error) {
      await this.ask({ title, problem: error.message, fields: [] });
    }
  }
}

function minutesField(choices) {
  return { name: "minutes", label: T.minutes, type: "choice", options: choices.map((n) => [String(n), String(n)]), value: String(choices[0]), required: true };
}

function reasonField() {
  return { name: "reason", label: T.reason, type: "text", required: true };
}

/** Each language in its own words; first, what the browser prefers. */
function languages() {
  return [["", T.languageOfBrowser], ...words.languages.map(({ code, name }) => [code, name])];
}
