/**
 * The last hour of the selected zone: people with their range, densest patch, level strip, gaps, alert marks. In a demo
 * on rendered footage also how many people were really there.
 */

import { html, nothing } from "lit";
import uPlot from "uplot";
import { api } from "./api.js";
import { PageElement } from "./element.js";
import { count, figure, toMs } from "./format.js";
import { columns, pointOf } from "./history.js";
import { levelKey } from "./scale.js";
import { T } from "./text.js";
import { truthAt } from "./truth.js";

const MINUTES = 60;
const READ_EVERY_MS = 60_000;
const STRIP_PX = 10;
const PEOPLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];

class Timeline extends PageElement {
  static properties = {
    site: { attribute: false }, clock: { attribute: false }, zone: { attribute: false }, state: { attribute: false }, live: { attribute: false },
    problem: { state: true }, empty: { state: true },
  };

  constructor() {
    super();
    this.problem = null;
    this.empty = false;
    this.points = [];
    this.truth = null;
    this.step_s = 60;
    this.shown = null;
    this.read = null;
    this.plot = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.timer = setInterval(() => this.live && this.#load(), READ_EVERY_MS);
    this.scheme = matchMedia("(prefers-color-scheme: light)");
    this.recolour = () => this.#build();
    this.scheme.addEventListener("change", this.recolour);
  }

  retell = () => {
    this.#build();
    this.requestUpdate();
  };

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.timer);
    this.scheme.removeEventListener("change", this.recolour);
    this.resizer?.disconnect();
    this.plot?.destroy();
  }

  firstUpdated() {
    this.#build();
    this.resizer = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      if (width > 0) this.plot.setSize({ width: Math.floor(width), height: Math.floor(height) });
    });
    this.resizer.observe(this.querySelector(".chart"));
  }

  updated() {
    if (this.zone !== this.shown) {
      this.shown = this.zone;
      this.points = [];
      this.truth = null;
      this.read = null;
      this.#draw();
    }
    if (!this.live) {
      this.read = null;
    } else if (this.read !== this.zone) {
      this.read = this.zone;
      this.#load();
    }
    this.#append();
  }

  render() {
    const name = this.site.zones.find((zone) => zone.id === this.zone)?.name ?? this.zone;
    return html`<section class="timeline" aria-label=${T.timeline(name)}>
      <div class="head"><h2>${T.timeline(name)}</h2>
        <span class="key people">${T.tlPeople}</span>
        ${this.site.has_truth ? html`<span class="key truth">${T.tlTruth}</span>` : nothing}
        <span class="key patch">${T.tlPatch}</span></div>
      ${this.problem ? html`<p class="problem">${T.timelineFailed(this.problem)}</p>` : nothing}
      ${this.empty && !this.problem ? html`<p class="none">${T.timelineNone}</p>` : nothing}
      <div class="chart"></div></section>`;
  }

  async #load() {
    const { zone } = this;
    try {
      const [{ points, step_s }, truth] = await Promise.all([
        api.history(zone, MINUTES), this.site.has_truth ? truthOf(zone) : null,
      ]);
      if (zone !== this.zone) return;
      this.truth = truth;
      const newest = points.length ? toMs(points.at(-1).at) : 0;
      this.points = [...points, ...this.points.filter((point) => point.live && toMs(point.at) > newest)];
      this.step_s = step_s;
      this.problem = null;
      this.#draw();
    } catch (error) {
      this.problem = error.message;
    }
  }

  #append() {
    const state = this.state.zones.get(this.zone);
    if (!state || !this.live || state === this.lastState) return;
    this.lastState = state;
    const newest = this.points.at(-1);
    if (newest && toMs(newest.at) >= toMs(state.at)) return;
    this.points.push({ ...pointOf(state), live: true });
    const oldest = toMs(state.at) - MINUTES * 60_000;
    while (toMs(this.points[0].at) < oldest) this.points.shift();
    this.#draw();
  }

  #draw() {
    if (!this.plot) return;
    const c = columns(this.points, this.step_s);
    this.level = c.level;
    this.empty = c.at_s.length === 0;
    this.plot.setData([c.at_s, c.high, c.low, c.people, c.patch, truthAt(this.truth, c.at_s, c.people)]);
  }

  #build() {
    const box = this.querySelector(".chart");
    if (!box) return;
    this.plot?.destroy();
    const css = getComputedStyle(box);
    const colour = (name) => css.getPropertyValue(name).trim();
    const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), size: 4 }, font: "12px system-ui, sans-serif" };
    const timeZone = this.site.time_zone;
    this.plot = new uPlot({
      width: box.clientWidth || 600, height: box.clientHeight || 150,
      tzDate: (at_s) => uPlot.tzDate(new Date(at_s * 1000), timeZone),
      legend: { show: false }, cursor: { show: false }, padding: [STRIP_PX + 8, 8, 0, 8],
      scales: {
        x: { range: (_, min, max) => [Math.min(min ?? 0, (max ?? 0) - 600), max] },
        people: { range: (_, min, max) => [0, Math.max(10, (max ?? 0) * 1.1)] },
        patch: { range: (_, min, max) => [0, Math.max(2, (max ?? 0) * 1.15)] },
      },
      axes: [
        { ...axis, size: 28, values: (_, ticks) => ticks.map((at_s) => this.#minute(at_s)) },
        { ...axis, scale: "people", size: 50, incrs: PEOPLE_STEPS, values: (_, ticks) => ticks.map(count) },
        { ...axis, scale: "patch", side: 1, size: 36, values: (_, ticks) => ticks.map(figure), grid: { show: false }, stroke: colour("--patch") },
      ],
      series: [
        {},
        { scale: "people", stroke: "transparent", points: { show: false } },
        { scale: "people", stroke: "transparent", points: { show: false } },
        { scale: "people", stroke: colour("--people"), width: 2, points: { show: false } },
        { scale: "patch", stroke: colour("--patch"), width: 1.5, dash: [5, 3], points: { show: false } },
        { scale: "people", stroke: colour("--truth"), width: 2, dash: [10, 6], points: { show: false } },
      ],
      bands: [{ series: [1, 2], fill: colour("--band") }],
      hooks: { draw: [(plot) => this.#strip(plot, colour), (plot) => this.#alerts(plot, colour)] },
    }, [[], [], [], [], [], []], box);
    this.#draw();
  }

  #minute(at_s) {
    return this.clock.minute(at_s * 1000);
  }

  /** Level over time, above the plot; unknown hatched. */
  #strip(plot, colour) {
    const { ctx, data: [at_s], bbox } = plot;
    const scale = window.devicePixelRatio || 1;
    const height = STRIP_PX * scale;
    const y = bbox.top - height - 4 * scale;
    for (let i = 0; i + 1 < at_s.length; i += 1) {
      if (this.level[i] === undefined) continue;
      const x = Math.max(bbox.left, plot.valToPos(at_s[i], "x", true));
      const width = plot.valToPos(at_s[i + 1], "x", true) - x;
      if (width <= 0) continue;
      ctx.fillStyle = colour(`--${levelKey(this.level[i])}`);
      ctx.fillRect(x, y, width + 0.5, height);
    }
  }

  #alerts(plot, colour) {
    const { ctx, bbox, scales } = plot;
    const scale = window.devicePixelRatio || 1;
    for (const alert of this.state.alerts) {
      const at_s = toMs(alert.opened_at) / 1000;
      if (alert.zone !== this.zone || at_s < scales.x.min || at_s > scales.x.max) continue;
      const x = plot.valToPos(at_s, "x", true);
      ctx.strokeStyle = ctx.fillStyle = colour(`--${alert.severity}`);
      ctx.setLineDash([]);
      ctx.lineWidth = 1.5 * scale;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.beginPath();
      ctx.moveTo(x - 5 * scale, bbox.top);
      ctx.lineTo(x + 5 * scale, bbox.top);
      ctx.lineTo(x, bbox.top + 8 * scale);
      ctx.fill();
    }
  }
}

/** The truth of a zone; null where there is none, as of a zone that the curve does not hold. */
async function truthOf(zone) {
  try {
    return await api.truth(zone);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

customElements.define("esp-timeline", Timeline);
