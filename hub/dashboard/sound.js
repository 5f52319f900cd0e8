/** The sound of a high alert, made by the browser itself. A browser gives sound only after a key or click. */

const REPEAT_MS = 2000;
const HIGH_TONES_HZ = [880, 660, 880];
const STALE_TONE_HZ = 330;
const TONE_S = 0.16;
const GAIN = 0.25;

/** `state`: "off" (not wanted), "waiting" (wanted, needs a gesture), "on". Emits "change". */
export class Siren extends EventTarget {
  #context = null;
  #timer = null;
  #wanted;
  sounding = false;
  /** Times the alert sounded since the page was opened. */
  played = 0;

  constructor(wanted) {
    super();
    this.#wanted = wanted;
  }

  get state() {
    if (!this.#wanted) return "off";
    return this.#context?.state === "running" ? "on" : "waiting";
  }

  /** Call from a gesture. Resolves when sound is allowed. */
  async arm() {
    this.#wanted = true;
    if (!this.#context) {
      this.#context = new AudioContext();
      this.#context.addEventListener("statechange", () => this.#changed());
    }
    await this.#context.resume();
    this.#changed();
  }

  disarm() {
    this.#wanted = false;
    this.#context?.suspend();
    this.#changed();
  }

  /** Sounds until told otherwise, as far as the operator has armed it. @param {boolean} on */
  sound(on) {
    if (on === this.sounding) return;
    this.sounding = on;
    clearInterval(this.#timer);
    if (on) {
      this.#alert();
      this.#timer = setInterval(() => this.#alert(), REPEAT_MS);
    }
    this.#changed();
  }

  /** One low tone: sound works, or the page has lost the hub. */
  once() {
    this.#tones([STALE_TONE_HZ]);
  }

  #alert() {
    if (this.#tones(HIGH_TONES_HZ)) this.played += 1;
  }

  #tones(pitches) {
    if (this.state !== "on") return false;
    pitches.forEach((pitch, i) => this.#tone(pitch, this.#context.currentTime + i * TONE_S * 1.4));
    return true;
  }

  #tone(pitch_hz, at_s) {
    const oscillator = this.#context.createOscillator();
    const gain = this.#context.createGain();
    oscillator.frequency.value = pitch_hz;
    gain.gain.setValueAtTime(0, at_s);
    gain.gain.linearRampToValueAtTime(GAIN, at_s + 0.01);
    gain.gain.setValueAtTime(GAIN, at_s + TONE_S - 0.03);
    gain.gain.linearRampToValueAtTime(0, at_s + TONE_S);
    oscillator.connect(gain).connect(this.#context.destination);
    oscillator.start(at_s);
    oscillator.stop(at_s + TONE_S);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
