/**
 * The language of the page: English messages with named values, and what the hub's catalogue makes of them. Every text
 * that a person reads goes through `say`, `sayMany`, `sayAs` (marked in the source, so that catalogues hold it) or
 * `told` (a phrase of the hub).
 */

const ENGLISH = { language: "en", locale: "en-GB", languages: [{ code: "en", name: "English" }], plurals: { one: 0, other: 1 }, messages: {} };
const CONTEXT_END = "\u0004";
const THIN_SPACE = "\u202f";
const UNKNOWN = "–";
const PLACE = /\{\{|\}\}|\{(\w+)(?::([^{}]*))?\}/g;

/** Emits "change" when the language changed. */
class Words extends EventTarget {
  #now = ENGLISH;
  #formats = new Map();
  #plural = new Intl.PluralRules("en-GB");
  /** False until the first catalogue has come, or has been given up: then the page speaks English. */
  settled = false;
  #settle;
  /** Resolves when `settled` is true. */
  ready = new Promise((resolve) => (this.#settle = resolve));

  get language() {
    return this.#now.language;
  }

  /** For Intl. */
  get locale() {
    return this.#now.locale;
  }

  /** All languages there are: {code, name} */
  get languages() {
    return this.#now.languages;
  }

  /** Takes a catalogue as /api/v1/words gives it. */
  use(catalogue) {
    this.#now = catalogue;
    this.settled = true;
    this.#settle();
    this.#formats.clear();
    this.#plural = new Intl.PluralRules(catalogue.locale);
    this.dispatchEvent(new Event("change"));
  }

  /** Asks the hub for a language; without one for what this browser prefers. False where the hub has no answer. */
  async fetch(language = "") {
    const done = await this.#fetch(language);
    if (!this.settled && !done) this.use(ENGLISH);
    return done;
  }

  async #fetch(language) {
    try {
      const answer = await fetch(`/api/v1/words${language ? `/${encodeURIComponent(language)}` : ""}`, { credentials: "same-origin" });
      if (!answer.ok) return false;
      this.use(await answer.json());
      return true;
    } catch {
      return false;
    }
  }

  /** The message in this language, values still in it. */
  message(key, english, count) {
    const found = this.#now.messages[key];
    if (found === undefined) return english;
    if (typeof found === "string") return found;
    const { plurals } = this.#now;
    return found[plurals[this.#plural.select(count ?? 0)] ?? plurals.other] ?? found.at(-1);
  }

  /** A number with `digits` after the sign of the decimal; without `digits` as many as it has. */
  number(value, digits = null) {
    const text = this.#format(digits ?? "free", () => (digits === null
      ? { maximumFractionDigits: 6 } : { minimumFractionDigits: digits, maximumFractionDigits: digits })).format(value);
    return this.#english(text);
  }

  /** A share of 0 to 1. */
  percent(share, digits = 0) {
    if (this.language === "en") return `${this.number(share * 100, digits)} %`;
    return this.#format(`%${digits}`, () => ({ style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits })).format(share);
  }

  #format(key, options) {
    if (!this.#formats.has(key)) this.#formats.set(key, new Intl.NumberFormat(this.locale, options()));
    return this.#formats.get(key);
  }

  /** English groups with a thin space, which nobody takes for a decimal sign. */
  #english(text) {
    return this.language === "en" ? text.replaceAll(",", THIN_SPACE) : text;
  }
}

export const words = new Words();

/** @param {string} message English, with {values} @param {object} [values] by name @returns {string} */
export function say(message, values = {}) {
  return filled(words.message(message, message), message, values);
}

/** A message that is told apart by where it stands. @param {string} context @param {string} message */
export function sayAs(context, message, values = {}) {
  return filled(words.message(context + CONTEXT_END + message, message), message, values);
}

/** A message in two English forms, for one and for other numbers; {count} stands for the number. */
export function sayMany(one, many, count, values = {}) {
  return filled(words.message(one, count === 1 ? one : many, count), many, { ...values, count });
}

/**
 * A phrase of the hub in this language.
 * @param {object|null|undefined} phrase {id, values, plural, count, context} @param {string} text English, where there is no phrase
 * @param {(instant: string) => string} [moment] how an instant is written
 */
export function told(phrase, text, moment = String) {
  if (!phrase) return text;
  const { id, values = {}, plural, count, context } = phrase;
  const english = plural && count !== 1 ? plural : id;
  const key = context ? context + CONTEXT_END + id : id;
  return filled(words.message(key, english, count), plural ?? id, values, moment);
}

/** The message with its values in place, each written as the English message says. */
function filled(message, english, values, moment = String) {
  if (!message.includes("{")) return message.replaceAll("}}", "}");
  const written = english.includes(":") ? specs(english) : {};
  return message.replace(PLACE, (all, name) => {
    if (name === undefined) return all[0];
    return name in values ? value(values[name], written[name] ?? "", moment) : all;
  });
}

function specs(message) {
  return Object.fromEntries([...message.matchAll(PLACE)].filter(([, name]) => name).map(([, name, spec]) => [name, spec ?? ""]));
}

function value(one, spec, moment) {
  if (one === null || one === undefined) return UNKNOWN;
  if (Array.isArray(one)) return one.map((each) => value(each, "", moment)).join(one.some((each) => typeof each === "object") ? "; " : ", ");
  if (typeof one === "object") return told(one, "", moment);
  if (typeof one === "string") return spec === "moment" && one !== UNKNOWN ? moment(one) : one;
  const digits = /\.(\d)/.exec(spec)?.[1];
  if (spec.endsWith("%")) return words.percent(one, Number(digits ?? 0));
  const text = words.number(one, digits === undefined ? null : Number(digits));
  return spec.startsWith("+") && one > 0 ? `+${text}` : text;
}
