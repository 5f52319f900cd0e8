/** Addresses that come from the site file. Pure. */

const SCHEMES = ["http", "https", "rtsp"];

/** @param {string|null} url @returns {string|null} the address, unless its scheme could run something in this page */
export function safeVideoAddress(url) {
  const scheme = /^([a-z]+):/i.exec(url ?? "")?.[1].toLowerCase();
  return SCHEMES.includes(scheme) ? url : null;
}
