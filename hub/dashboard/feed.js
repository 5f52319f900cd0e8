/** The stream of events from the hub: reconnects with backoff, knows when it has gone stale. */

import { Gap, NOTHING, afterDelta, fromSnapshot, withAlert } from "./state.js";
import { toMs } from "./format.js";

/** Without an event for this long the page is no longer live. The hub sends at least one a second. */
export const STALE_MS = 5000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 10_000;
const TICK_MS = 250;

/**
 * Emits "change" when the state changed, "phase" when `phase` changed, "tick" four times a second, "locked" when
 * the hub asks for a token. `phase`: "connecting" (nothing yet), "live", "stale".
 */
export class Feed extends EventTarget {
  #source = null;
  #heardAt = Date.now();
  #heardTicks = performance.now();
  #offsetMs = 0;
  #retry = null;
  #timer = null;

  constructor(url) {
    super();
    this.url = url;
    this.state = NOTHING;
    this.phase = "connecting";
    this.attempts = 0;
    this.ended = false;
  }

  start() {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#connect();
  }

  stop() {
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    this.#source?.close();
  }

  /** The hub's time now, Unix ms: this machine's clock may be off. While not live it stands still. */
  get hubNow() {
    return this.phase === "live" ? Date.now() + this.#offsetMs : this.lastHeard;
  }

  /** The hub's time of the last event, Unix ms. */
  get lastHeard() {
    return this.#heardAt + this.#offsetMs;
  }

  /** Milliseconds since the last event. A sleep of the machine counts, a set clock does not hide it. */
  get silentMs() {
    return Math.max(Date.now() - this.#heardAt, performance.now() - this.#heardTicks, 0);
  }

  /** Nobody is signed in any more: at once the page is not live, and it asks no further. */
  end() {
    this.ended = true;
    this.stop();
    this.#become("stale");
  }

  /** Takes in an alert as a POST answered it, before the stream says the same. */
  put(alert) {
    this.state = withAlert(this.state, alert);
    this.dispatchEvent(new Event("change"));
  }

  /** Tries again at once, if it was ever started. */
  reconnect() {
    if (this.#timer === null || this.ended) return;
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#connect();
  }

  #connect() {
    const source = new EventSource(this.url);
    this.#source = source;
    source.addEventListener("snapshot", (event) => this.#take(source, event, fromSnapshot));
    source.addEventListener("delta", (event) => this.#take(source, event, (data) => afterDelta(this.state, data)));
    source.addEventListener("beat", (event) => this.#take(source, event, (data) => this.#beat(data)));
    source.addEventListener("error", () => {
      if (source === this.#source) this.#lost();
    });
  }

  #beat(data) {
    if (this.state.seq !== null && data.seq > this.state.seq) throw new Gap(`${this.state.seq}, then a beat at ${data.seq}`);
    return this.state;
  }

  #take(source, event, step) {
    if (source !== this.#source) return;
    const data = JSON.parse(event.data);
    let next;
    try {
      next = step(data);
    } catch (error) {
      if (!(error instanceof Gap)) throw error;
      console.info(`event stream: ${error.message}; asking for a new snapshot`);
      this.reconnect();
      return;
    }
    this.attempts = 0;
    this.#heardAt = Date.now();
    this.#heardTicks = performance.now();
    this.#offsetMs = toMs(data.at) - this.#heardAt;
    const changed = next !== this.state;
    this.state = next;
    if (next.seq !== null) this.#become("live");
    if (changed) this.dispatchEvent(new Event("change"));
  }

  #lost() {
    this.#source.close();
    this.attempts += 1;
    const full = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (this.attempts - 1));
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), full * (0.5 + Math.random() / 2));
    if (this.attempts === 1) this.dispatchEvent(new Event("lost"));
  }

  #become(phase) {
    if (phase === this.phase) return;
    this.phase = phase;
    this.dispatchEvent(new Event("phase"));
  }

  #tick() {
    if (this.silentMs > STALE_MS) this.#become("stale");
    this.dispatchEvent(new Event("tick"));
  }
}
