/** Leaflet. Its minified build is no module, and two thirds lighter on the wire than the one that is. */

import "leaflet";

export const L = globalThis.leaflet;
