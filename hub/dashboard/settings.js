/** What this browser remembers: the operator's name, whether sound is wanted, the language, and two habits. */

const KEY = "esplanade.settings";
const DEFAULTS = { operator: "", sound: false, autoOpen: false, keys: true, language: "" };

function read() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { ...DEFAULTS };
  }
}

/** Emits "change". Where the browser keeps nothing (private mode), the values last until the page is closed. */
class Settings extends EventTarget {
  #values = read();

  get(name) {
    return this.#values[name];
  }

  set(name, value) {
    this.#values = { ...this.#values, [name]: value };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#values));
    } catch (error) {
      console.info(`settings are not kept: ${error.message}`);
    }
    this.dispatchEvent(new Event("change"));
  }
}

export const settings = new Settings();
