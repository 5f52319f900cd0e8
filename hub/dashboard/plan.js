/** The plan of the site in site metres: no tiles, no outside request. */

import { L } from "./leaflet.js";
import { html } from "lit";
import { PageElement } from "./element.js";
import { HeatLayer } from "./heat.js";
import { labelPlaces } from "./label_place.js";
import { alertMark, cameraMark, latLng, mark, vehicleMark, zoneLabel } from "./marks.js";
import { HEAT_BOUNDS, levelKey } from "./scale.js";
import { T } from "./text.js";
import { words } from "./words.js";

/** A zone narrower on screen than its label (badge and about this much for each letter) shows its level only, */
const LABEL_PX = 46;
const LETTER_PX = 7;
/** unless there are so few zones and so much room that labels may reach beyond their zones. */
const FEW_ZONES = 8;
const ROOMY_PX = 560;

class Plan extends PageElement {
  static properties = {
    site: { attribute: false }, state: { attribute: false }, zone: { attribute: false }, alert: { attribute: false },
    camera: { attribute: false }, now: { attribute: false },
  };

  constructor() {
    super();
    this.map = null;
    this.zoneShapes = new Map();
    this.areaShapes = new Map();
    this.cameraMarks = new Map();
    this.vehicleMarks = new Map();
    this.alertMark = null;
    this.drawn = {};
  }

  render() {
    return html`<section class="plan" aria-label=${T.plan}>
      <div class="map"></div>
      <div class="legend"><span class="title">${T.legend}</span>
        ${HEAT_BOUNDS.map((bound, i) => html`<span class="step"><i class="heat${i}"></i>${words.number(bound)}</span>`)}
        <span class="step unseen"><i class="unseen"></i>${T.notSeen}</span></div>
    </section>`;
  }

  firstUpdated() {
    const { site } = this;
    this.map = L.map(this.querySelector(".map"), {
      crs: L.CRS.Simple, attributionControl: false, zoomControl: false, zoomSnap: 0.25, minZoom: -3, maxZoom: 6,
      zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, inertia: false, keyboard: false,
    });
    this.map.createPane("heat").style.zIndex = 350;
    L.control.zoom({ position: "bottomright" }).addTo(this.map);
    L.control.scale({ imperial: false, position: "bottomleft" }).addTo(this.map);
    this.#wholeButton().addTo(this.map);
    this.#name();
    this.fit();
    this.heat = new HeatLayer().addTo(this.map);
    for (const area of site.areas) this.#area(area);
    for (const line of site.lines) L.polyline([latLng(line.start), latLng(line.end)], { className: "line", interactive: false }).addTo(this.map);
    for (const asset of site.assets) mark(html`<span class="asset">${asset.name}</span>`, asset.position_m, "", { zIndexOffset: -1000 }).addTo(this.map);
    for (const zone of site.zones) this.#zone(zone);
    for (const camera of site.cameras) this.#camera(camera);
    this.map.on("zoomend resize", () => this.#placeLabels());
    this.touched = false;
    this.map.on("dragstart", () => (this.touched = true));
    this.resizer = new ResizeObserver(() => {
      this.map.invalidateSize({ animate: false });
      if (!this.touched) this.fit();
    });
    this.resizer.observe(this.querySelector(".map"));
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.heat.redraw());
  }

  retell = () => {
    this.drawn = {};
    this.#name();
    this.requestUpdate();
  };

  /** The names of Leaflet's own buttons. */
  #name() {
    const named = { ".leaflet-control-zoom-in": T.zoomIn, ".leaflet-control-zoom-out": T.zoomOut };
    for (const [button, name] of Object.entries(named)) {
      const element = this.querySelector(button);
      element?.setAttribute("title", name);
      element?.setAttribute("aria-label", name);
    }
    const whole = this.querySelector("button.whole");
    if (whole) whole.textContent = T.wholeSite;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.resizer?.disconnect();
  }

  /** Shows the whole site. */
  fit() {
    const [x0, y0, x1, y1] = this.site.bounds_m;
    this.map.fitBounds([[y0, x0], [y1, x1]], { animate: false, padding: [4, 4] });
  }

  updated() {
    const { state, site } = this;
    if (state.heat !== this.drawn.heat || !this.heat.zones) this.heat.show(state.heat, site.zones, site.obstacles);
    if (state.zones !== this.drawn.zones || this.zone !== this.drawn.zone) this.#showZones();
    if (state.cameras !== this.drawn.cameras || this.camera !== this.drawn.camera) this.#showCameras();
    if (state.vehicles !== this.drawn.vehicles) this.#showVehicles();
    if (this.alert !== this.drawn.alert) this.#showAlert();
    if (state.zones !== this.drawn.zones || state.vehicles !== this.drawn.vehicles || this.alert !== this.drawn.alert) this.#placeLabels();
    this.drawn = { heat: state.heat, zones: state.zones, zone: this.zone, cameras: state.cameras, camera: this.camera,
      vehicles: state.vehicles, alert: this.alert };
  }

  #wholeButton() {
    const control = L.control({ position: "bottomright" });
    control.onAdd = () => {
      const box = L.DomUtil.create("div", "leaflet-bar");
      const button = L.DomUtil.create("button", "whole", box);
      L.DomEvent.disableClickPropagation(box);
      button.addEventListener("click", () => {
        this.touched = false;
        this.fit();
      });
      return box;
    };
    return control;
  }

  #area(area) {
    if (!area.closed_to.length) return;
    this.areaShapes.set(area.id, L.polygon(area.polygon.map(latLng), { className: "area", interactive: false }).addTo(this.map));
  }

  #zone(zone) {
    const shape = L.polygon(zone.polygon.map(latLng), { className: "zone-shape lx" }).addTo(this.map);
    shape.on("click", () => this.tell("select-zone", { zone: zone.id }));
    const places = labelPlaces(zone.polygon);
    const label = mark(zoneLabel(zone, null, false), places[0].at_m, "zone-mark").addTo(this.map);
    this.zoneShapes.set(zone.id, { zone, shape, label, places });
  }

  #camera(camera) {
    const marker = mark(cameraMark(camera, null, false), camera.position_m, "camera-place", { interactive: true }).addTo(this.map);
    const coverage = camera.coverage_m
      ? L.polygon(camera.coverage_m.map(latLng), { className: "coverage", interactive: false }) : null;
    marker.getElement().classList.toggle("leftward", this.#isEast(camera.position_m[0]));
    marker.on("mouseover", () => this.tell("select-camera", { camera: camera.id }));
    marker.on("mouseout", () => this.tell("select-camera", { camera: null }));
    marker.on("click", () => this.tell("show-tab", { tab: "cameras" }));
    this.cameraMarks.set(camera.id, { camera, marker, coverage });
  }

  /** True in the eastern half, where words must run to the left to stay on the plan. */
  #isEast(x_m) {
    const [x0, , x1] = this.site.bounds_m;
    return x_m > (x0 + x1) / 2;
  }

  #showZones() {
    for (const [id, { zone, shape, label }] of this.zoneShapes) {
      const state = this.state.zones.get(id) ?? null;
      const selected = id === this.zone;
      shape.getElement()?.setAttribute("class", `zone-shape leaflet-interactive ${levelKey(state?.level)} ${selected ? "selected" : ""}`);
      label.draw(zoneLabel(zone, state, selected));
      if (selected) shape.bringToFront();
    }
  }

  /** Puts each label where it hides no intruder and no alert, and shrinks it to its level where room is short. */
  #placeLabels() {
    const roomy = this.zoneShapes.size <= FEW_ZONES && this.map.getSize().x >= ROOMY_PX;
    const px_per_m = this.map.getZoomScale(this.map.getZoom(), 0);
    const taken = this.state.vehicles.filter((vehicle) => !vehicle.authorised).map((vehicle) => [vehicle.x_m, vehicle.y_m]);
    if (this.alert?.position_m) taken.push(this.alert.position_m);
    for (const { zone, label, places } of this.zoneShapes.values()) {
      const free = ({ at_m: [x_m, y_m] }) => taken.every(([x, y]) =>
        Math.abs(x - x_m) * px_per_m > LABEL_PX * 1.5 || Math.abs(y - y_m) * px_per_m > LABEL_PX);
      const place = places.find(free) ?? places[0];
      label.setLatLng(latLng(place.at_m));
      const width = place.width_m * px_per_m;
      label.getElement()?.classList.toggle("small", !roomy && width < LABEL_PX + LETTER_PX * zone.name.length);
    }
  }

  #showCameras() {
    for (const [id, { camera, marker, coverage }] of this.cameraMarks) {
      const selected = id === this.camera;
      marker.draw(cameraMark(camera, this.state.cameras.get(id), selected));
      if (!coverage) continue;
      if (selected) coverage.addTo(this.map);
      else coverage.remove();
    }
  }

  #showVehicles() {
    const now = new Set(this.state.vehicles.map((vehicle) => vehicle.id));
    for (const [id, marker] of this.vehicleMarks) {
      if (now.has(id)) continue;
      marker.remove();
      this.vehicleMarks.delete(id);
    }
    for (const vehicle of this.state.vehicles) {
      const at = [vehicle.x_m, vehicle.y_m];
      let marker = this.vehicleMarks.get(vehicle.id);
      if (!marker) {
        marker = mark(vehicleMark(vehicle), at, "vehicle-place").addTo(this.map);
        this.vehicleMarks.set(vehicle.id, marker);
      }
      marker.setLatLng(latLng(at));
      marker.getElement().classList.toggle("leftward", this.#isEast(vehicle.x_m));
      marker.setZIndexOffset(vehicle.authorised ? 0 : 1000);
      marker.draw(vehicleMark(vehicle));
    }
  }

  #showAlert() {
    for (const [id, shape] of this.areaShapes) shape.getElement()?.classList.toggle("selected", id === this.alert?.subject);
    this.alertMark?.remove();
    this.alertMark = null;
    if (!this.alert?.position_m) return;
    this.alertMark = mark(alertMark(this.alert), this.alert.position_m, "alert-place", { zIndexOffset: 500 }).addTo(this.map);
    if (!this.map.getBounds().contains(latLng(this.alert.position_m))) this.map.panTo(latLng(this.alert.position_m), { animate: false });
  }
}

customElements.define("esp-plan", Plan);
