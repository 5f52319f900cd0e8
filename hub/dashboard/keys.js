/** Single-letter keys. They rest while something is being typed or a dialog is open, and can be turned off. */

import { settings } from "./settings.js";

const TYPING = "input, textarea, select, [contenteditable]";

/** @param {object} app the page: alerts, alert, selectAlert, toggle, actions */
export function listenToKeys(app) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
    if (event.key === "Enter") {
      // On a button or link Enter keeps its own meaning.
      if (app.alert && !event.target.closest?.("button, a, summary")) app.toggle(app.alert);
      return;
    }
    if (!settings.get("keys")) return;
    const act = KEYS[event.key];
    if (act) {
      event.preventDefault();
      act(app);
    }
  });
}

const KEYS = {
  j: (app) => step(app, 1),
  k: (app) => step(app, -1),
  a: (app) => app.selectedAlert && app.actions.run("acknowledge", app.selectedAlert),
  v: (app) => card(app)?.querySelector("a.look")?.click(),
  z: (app) => app.selectedAlert?.zone && app.selectZone(app.selectedAlert.zone),
  "?": (app) => app.actions.run("settings"),
};

function card(app) {
  return app.alert ? app.querySelector(`[data-alert="${app.alert}"]`) : null;
}

async function step(app, by) {
  const ids = app.alerts.map((alert) => alert.alert);
  if (!ids.length) return;
  const at = ids.indexOf(app.alert);
  app.selectAlert(ids[Math.min(ids.length - 1, Math.max(0, at + by))]);
  await app.updateComplete;
  const selected = card(app);
  selected?.focus({ preventScroll: true });
  selected?.scrollIntoView({ block: "nearest" });
}
