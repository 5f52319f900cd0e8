/** The page's pure modules, under Node's own test runner (test_modules.py starts it). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { duration, figure, minutesRange, clockIn, ranged, unitWords } from "../../hub/dashboard/format.js";
import { columns } from "../../hub/dashboard/history.js";
import { byUrgency, heatClass, levelKey, waits, zoneRank } from "../../hub/dashboard/scale.js";
import { Gap, NOTHING, afterDelta, fromSnapshot, newAlerts, withAlert } from "../../hub/dashboard/state.js";
import { truthAt } from "../../hub/dashboard/truth.js";
import { unknownWords } from "../../hub/dashboard/zone_words.js";
import { labelPlaces } from "../../hub/dashboard/label_place.js";
import { safeVideoAddress } from "../../hub/dashboard/address.js";
import { say, sayAs, sayMany, told, words } from "../../hub/dashboard/words.js";

const alert = (id, severity, more = {}) => ({
  alert: id, severity, handling: "unacknowledged", condition: "active", opened_at: "2026-06-20T18:00:00.000Z", closed_at: null, ...more,
});
const snapshot = () => ({
  seq: 7, at: "2026-06-20T18:00:00.000Z", hub: { broker: "connected" }, zones: [{ zone: "a", level: 1 }, { zone: "b", level: 0 }],
  alerts: [alert("1", "low")], heat: null, vehicles: [{ id: "v" }], cameras: [{ camera: "c" }],
});

test("a delta changes what it names and nothing else", () => {
  const before = fromSnapshot(snapshot());
  const after = afterDelta(before, { seq: 8, at: "x", zones: [{ zone: "a", level: null }, { zone: "b", level: 0 }], vehicles: [] });
  assert.equal(after.zones.get("a").level, null);
  assert.deepEqual(after.vehicles, []);
  assert.equal(after.alerts, before.alerts);
  assert.equal(after.cameras, before.cameras);
  assert.equal(before.zones.get("a").level, 1);
});

test("a lost delta is noticed, a repeated one is harmless, none goes before the snapshot", () => {
  const before = fromSnapshot(snapshot());
  assert.throws(() => afterDelta(before, { seq: 9, at: "x" }), Gap);
  assert.equal(afterDelta(before, { seq: 7, at: "x", alerts: [] }), before);
  assert.throws(() => afterDelta(NOTHING, { seq: 1, at: "x" }), Gap);
});

test("closed alerts leave, new ones are told apart, an answered one replaces itself", () => {
  const before = fromSnapshot(snapshot());
  assert.deepEqual(afterDelta(before, { seq: 8, at: "x", closed: ["1"] }).alerts, []);
  const after = afterDelta(before, { seq: 8, at: "x", alerts: [alert("1", "low"), alert("2", "high")] });
  assert.deepEqual(newAlerts(before.alerts, after.alerts).map((one) => one.alert), ["2"]);
  const acknowledged = withAlert(after, alert("2", "high", { handling: "acknowledged" }));
  assert.equal(acknowledged.alerts.length, 2);
  assert.equal(acknowledged.alerts.filter(waits).length, 1);
  assert.equal(withAlert(after, alert("2", "high", { closed_at: "x" })).alerts.length, 1);
});

test("the queue: severity, then what waits, then the newest; what is put aside comes last", () => {
  const order = [
    alert("shelved", "high", { handling: "shelved" }),
    alert("low", "low"),
    alert("taken", "high", { handling: "acknowledged" }),
    alert("old", "high"),
    alert("new", "high", { opened_at: "2026-06-20T18:05:00.000Z" }),
    alert("medium", "medium"),
  ].sort(byUrgency).map((one) => one.alert);
  assert.deepEqual(order, ["new", "old", "taken", "medium", "low", "shelved"]);
});

test("unknown ranks above what was last known and has a colour of its own", () => {
  assert.ok(zoneRank({ level: null, last_level: 3 }) > zoneRank({ level: 3 }));
  assert.ok(zoneRank({ level: null, last_level: 3 }) < zoneRank({ level: 4 }));
  assert.ok(zoneRank({ level: null, last_level: null }) > zoneRank({ level: 1 }));
  assert.equal(levelKey(null), "lx");
  assert.equal(levelKey(undefined), "lx");
  assert.equal(levelKey(0), "l0");
});

test("heat classes begin at their bound", () => {
  assert.deepEqual([0, 0.05, 0.31, 1.99, 2, 3.5, 4.69, 4.7, 6, 11].map(heatClass), [0, 1, 2, 4, 5, 6, 6, 7, 8, 8]);
});

test("history breaks where nothing is known and where records are missing", () => {
  const at = (s) => new Date(1_750_000_000_000 + s * 1000).toISOString();
  const point = (s, people = 5) => ({ at: at(s), people, people_low: people, people_high: people, patch_max_per_m2: 1, level: 0 });
  const minutes = columns([point(0), point(60), point(240), point(300, null)], 60);
  assert.deepEqual(minutes.people, [5, 5, null, 5, null]);
  assert.equal(minutes.level[2], undefined);
  const seconds = columns([point(0), point(60), point(61), point(62), point(80), point(81)], 60);
  assert.deepEqual(seconds.people, [5, 5, 5, 5, null, 5, 5]);
});

test("numbers, ranges and durations read well", () => {
  assert.equal(duration(12.4), "12 s");
  assert.equal(duration(130), "2 min 10 s");
  assert.equal(duration(7300), "2 h 01 min");
  assert.equal(duration(-3), "0 s");
  assert.equal(figure(5.12), "5.12");
  assert.equal(figure(4400), "4\u202f400");
  assert.equal(figure(null), "–");
  assert.equal(ranged(120, 110, 131), "120 (110–131)");
  assert.equal(ranged(null, null, null), "–");
  assert.equal(minutesRange({ median_min: 6.4, low_min: 4.8, high_min: null }), "6 min (5 or more)");
  assert.equal(unitWords("/m2"), "/m²");
  assert.equal(unitWords(null), "");
});

test("the clock is the site's, over a change to winter time too", () => {
  const clock = clockIn("Europe/Bucharest");
  assert.equal(clock.time("2026-10-25T00:59:59.000Z"), "03:59:59");
  assert.equal(clock.time("2026-10-25T01:00:00.000Z"), "03:00:00");
  assert.equal(clock.said(null, "blind since 2026-10-25T01:00:00.000Z; look", Date.parse("2026-10-25T09:00:00Z")), "blind since 03:00:00; look");
  assert.match(clock.moment("2026-10-24T12:00:00.000Z", Date.parse("2026-10-25T12:00:00Z")), /^Sat,? 24 Oct 15:00:00$/);
});

test("an unknown zone says what it was, how long ago, and which camera is at fault", () => {
  const state = { zone: "a", last_level: 2, captured_to: null, since: "2026-06-20T18:00:03.000Z", reasons: [{ text: "nobody looks" }] };
  const camera = { camera: "c", name: "Gate 3", zones: ["a"], state: "silent", picture: "good", captured_to: "2026-06-20T18:00:00.000Z" };
  const now = Date.parse("2026-06-20T18:00:12.000Z");
  const clock = clockIn("Europe/Bucharest");
  assert.deepEqual(unknownWords(state, new Map([["c", camera]]), now, clock), {
    was: "was: high, 12 s ago", because: "because camera Gate 3 is silent",
  });
  assert.equal(unknownWords(state, new Map(), now, clock).because, "because nobody looks");
  assert.equal(unknownWords(null, new Map(), now, clock).was, "never known");
});

test("a label lies inside its zone, even a bent one", () => {
  const [square, middle, low] = labelPlaces([[0, 0], [40, 0], [40, 40], [0, 40]]);
  assert.ok(Math.abs(square.at_m[0] - 20) < 2 && square.at_m[1] > 22 && square.at_m[1] < 32, `${square.at_m}`);
  assert.equal(square.width_m, 40);
  assert.ok(low.at_m[1] < middle.at_m[1] && middle.at_m[1] < square.at_m[1]);
  for (const bent of labelPlaces([[0, 0], [30, 0], [30, 6], [6, 6], [6, 30], [0, 30]])) {
    assert.ok(bent.at_m[0] < 6 || bent.at_m[1] < 6, `${bent.at_m}`);
    assert.ok(bent.width_m > 0);
  }
});

test("a video link never runs anything in the page", () => {
  assert.equal(safeVideoAddress("https://vms.example/1"), "https://vms.example/1");
  assert.equal(safeVideoAddress("rtsp://vms.example/1"), "rtsp://vms.example/1");
  for (const bad of ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "", null]) assert.equal(safeVideoAddress(bad), null);
});

test("truth is told at the film's own second, over loops and restarts, and not where no film ran", () => {
  const begin = "2026-06-20T18:00:00.000Z";
  const t0 = Date.parse(begin) / 1000;
  const truth = {
    loop_s: 10, t_s: [0, 5], people: [3, 8],
    runs: [{ begin, end: "2026-06-20T18:00:12.000Z" }, { begin: "2026-06-20T18:00:30.000Z", end: "2026-06-20T18:00:32.000Z" }],
  };
  const at = [-1, 0, 4, 5, 9, 10, 12, 20, 30, 32, 36, 37].map((s) => t0 + s);
  const measured = at.map((_, i) => (i === 11 ? null : 1));
  assert.deepEqual(truthAt(truth, at, measured), [null, 3, 3, 8, 8, 3, 3, null, 3, 3, 8, null]);
  assert.deepEqual(truthAt(null, [t0], [1]), [null]);
  assert.deepEqual(truthAt({ ...truth, runs: [] }, [t0], [1]), [null]);
});

test("another language has its own words, plurals, numbers and clock, and English comes back", () => {
  let changes = 0;
  words.addEventListener("change", () => (changes += 1));
  const clock = clockIn("Europe/Vilnius");
  const before = words.language;
  words.use({
    language: "lt", locale: "lt", languages: [], plurals: { one: 0, few: 1, other: 2 },
    messages: {
      person: ["žmogus", "žmonės", "žmonių"], "kind\u0004car": "automobilis",
      "{people:.0f} people, {share:.0%}, since {since:moment}": "{share}, {people}: nuo {since}",
    },
  });
  assert.deepEqual([1, 2, 10, 11, 21, 22].map((n) => sayMany("person", "people", n)),
    ["žmogus", "žmonės", "žmonių", "žmonių", "žmogus", "žmonės"]);
  assert.equal(sayAs("kind", "car"), "automobilis");
  assert.equal(say("no word for {this}", { this: "that" }), "no word for that");
  const phrase = {
    id: "{people:.0f} people, {share:.0%}, since {since:moment}",
    values: { people: 12400, share: 0.34, since: "2026-06-20T18:00:00.000Z" },
  };
  assert.equal(clock.said(phrase, "", Date.parse("2026-06-20T18:00:12.000Z")), "34\u00a0%, 12\u00a0400: nuo 21:00:00");
  assert.equal(duration(4.4), "4 s");
  assert.equal(figure(5.12), "5,12");
  words.use({ language: "en", locale: "en-GB", languages: [], plurals: { one: 0, other: 1 }, messages: {} });
  assert.equal(before, "en");
  assert.equal(changes, 2);
  assert.equal(told(phrase, ""), "12\u202f400 people, 34 %, since 2026-06-20T18:00:00.000Z");
});
