/** Starts the page, in the language that its reader chose, else the browser's, else the site's. */

import { settings } from "./settings.js";
import { words } from "./words.js";
import "./app.js";

let asked = settings.get("language");

words.addEventListener("change", () => (document.documentElement.lang = words.language));
settings.addEventListener("change", () => {
  if (settings.get("language") === asked) return;
  asked = settings.get("language");
  words.fetch(asked);
});
words.fetch(asked);
