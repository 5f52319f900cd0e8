/** The heat map: one canvas under the zones. Ground that is not observed is hatched, never coloured. */

import { decimal } from "./format.js";
import { L } from "./leaflet.js";
import { HEAT_BOUNDS, heatClass } from "./scale.js";

const FIGURE_MIN_PX = 26;
const FIGURE_FROM_PER_M2 = 2.0;
const HATCH_STEP_PX = 7;

export const HeatLayer = L.Layer.extend({
  onAdd(map) {
    this.canvas = L.DomUtil.create("canvas", "heat leaflet-zoom-hide");
    map.getPane("heat").append(this.canvas);
    map.on("moveend zoomend viewreset resize", this.redraw, this);
    this.redraw();
  },

  onRemove(map) {
    map.off("moveend zoomend viewreset resize", this.redraw, this);
    this.canvas.remove();
  },

  /** @param {object|null} heat @param {object[]} zones of the site @param {object[]} obstacles of the site */
  show(heat, zones, obstacles) {
    Object.assign(this, { heat, zones, obstacles });
    if (this.canvas) this.redraw();
  },

  redraw() {
    const size = this._map.getSize();
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = size.x * scale;
    this.canvas.height = size.y * scale;
    this.canvas.style.width = `${size.x}px`;
    this.canvas.style.height = `${size.y}px`;
    L.DomUtil.setPosition(this.canvas, this._map.containerPointToLayerPoint([0, 0]));
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const colours = getComputedStyle(this.canvas);
    this._hatchZones(pen, size, colours);
    if (this.heat) this._cells(pen, colours);
    this._obstacles(pen, colours);
  },

  _point(x_m, y_m) {
    return this._map.latLngToContainerPoint([y_m, x_m]);
  },

  _outline(pen, polygon) {
    polygon.forEach(([x_m, y_m], i) => {
      const point = this._point(x_m, y_m);
      if (i === 0) pen.moveTo(point.x, point.y);
      else pen.lineTo(point.x, point.y);
    });
    pen.closePath();
  },

  _hatchZones(pen, size, colours) {
    pen.save();
    pen.beginPath();
    for (const zone of this.zones ?? []) this._outline(pen, zone.polygon);
    pen.clip();
    pen.strokeStyle = colours.getPropertyValue("--hatch");
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (let x = -size.y; x < size.x; x += HATCH_STEP_PX) {
      pen.moveTo(x, size.y);
      pen.lineTo(x + size.y, 0);
    }
    pen.stroke();
    pen.restore();
  },

  _cells(pen, colours) {
    const { origin_m: [x0, y0], cell_m, columns, rows, density_per_m2: cells } = this.heat;
    const fills = HEAT_BOUNDS.map((_, i) => colours.getPropertyValue(`--heat${i}`));
    const inks = HEAT_BOUNDS.map((_, i) => colours.getPropertyValue(`--heat${i}-ink`) || "#000");
    const ground = colours.getPropertyValue("--ground");
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const density = cells[row * columns + column];
        if (density === null) continue;
        const a = this._point(x0 + column * cell_m, y0 + (row + 1) * cell_m);
        const b = this._point(x0 + (column + 1) * cell_m, y0 + row * cell_m);
        const [x, y] = [Math.round(a.x), Math.round(a.y)];
        const [w, h] = [Math.round(b.x) - x, Math.round(b.y) - y];
        const kind = heatClass(density);
        pen.fillStyle = ground;
        pen.fillRect(x, y, w, h);
        pen.fillStyle = fills[kind];
        pen.fillRect(x, y, w, h);
        if (density >= FIGURE_FROM_PER_M2 && w >= FIGURE_MIN_PX) {
          pen.fillStyle = inks[kind];
          pen.font = "600 11px system-ui, sans-serif";
          pen.fillText(decimal(density, 1), x + w / 2, y + h / 2);
        }
      }
    }
  },

  _obstacles(pen, colours) {
    pen.fillStyle = colours.getPropertyValue("--obstacle");
    for (const obstacle of this.obstacles ?? []) {
      pen.beginPath();
      this._outline(pen, obstacle.polygon);
      pen.fill();
    }
  },
});
