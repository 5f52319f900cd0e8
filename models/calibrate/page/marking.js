// Marks heads in one picture after another. Every change is sent at once; the server has it on disk before it answers.

const REACH_PX = 9; // a click this close to a mark, on the screen, removes it
const MOST_ZOOM = 16;
const DRAG_PX = 4; // a pointer that moved further was dragging
const RETRY_MS = 1000; // between tries of a save that failed

const at = (id) => document.getElementById(id);
const canvas = at("picture");
const pen = canvas.getContext("2d");

let frames = [];
let current = 0;
let image = null;
let view = { scale: 1, x: 0, y: 0 }; // screen = picture * scale + (x, y)
let undone = []; // earlier states of this picture's points
let pressed = null;

const frame = () => frames[current];

function say(text, wrong = false) {
  at("saved").textContent = text;
  at("saved").classList.toggle("wrong", wrong);
}

function tell() {
  const done = frames.filter((one) => one.done).length;
  at("where").textContent = `Picture ${current + 1} of ${frames.length}${frame().done ? ", finished" : ""}; ${done} finished`;
  at("count").textContent = `${frame().points_px.length} heads here, ${frames.reduce((n, one) => n + one.points_px.length, 0)} in all`;
  at("undo").disabled = undone.length === 0;
}

// Pictures whose last change is not known to be on disk. One request runs at a time, each with the newest state of
// its picture; "Saved" is said only when none is left, and what failed stays here and is tried again.
const unsaved = new Set();
let sending = false;

function send(one) {
  unsaved.add(one);
  say("Saving");
  if (!sending) deliver();
}

async function deliver() {
  sending = true;
  while (unsaved.size > 0) {
    const [one] = unsaved;
    unsaved.delete(one); // a change during the request puts it back
    const trouble = await put(one);
    if (trouble) {
      unsaved.add(one);
      const names = [...unsaved].map((other) => other.name).sort().join(", ");
      say(`Not saved (picture ${names}): ${trouble}`, true);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  sending = false;
  say(frames.every((one) => one.done)
    ? "Saved. All pictures are finished: close this page and end the command with Ctrl-C"
    : "Saved");
}

/** Sends one picture's points; answers with what went wrong, or "". */
async function put(one) {
  const body = JSON.stringify({ points_px: one.points_px, done: one.done });
  try {
    const answer = await fetch(`/points/${encodeURIComponent(one.name)}`, {
      method: "PUT", headers: { "Content-Type": "application/json" }, body,
    });
    return answer.ok ? "" : (await answer.text()).trim();
  } catch {
    return "the command has ended. Start it again and open the address it prints";
  }
}

function change(points) {
  undone.push(frame().points_px);
  frame().points_px = points;
  tell();
  draw();
  send(frame());
}

function undo() {
  if (undone.length === 0) return;
  frame().points_px = undone.pop();
  tell();
  draw();
  send(frame());
}

function click(x, y) {
  if (!image) return;
  const point = [(x - view.x) / view.scale, (y - view.y) / view.scale];
  if (point[0] < 0 || point[1] < 0 || point[0] >= image.naturalWidth || point[1] >= image.naturalHeight) return;
  const points = frame().points_px;
  let nearest = -1;
  let least = REACH_PX / view.scale;
  points.forEach((other, i) => {
    const away = Math.hypot(other[0] - point[0], other[1] - point[1]);
    if (away <= least) [nearest, least] = [i, away];
  });
  change(nearest < 0 ? [...points, point.map((v) => Math.round(v * 10) / 10)] : points.filter((_, i) => i !== nearest));
}

function fit() {
  canvas.width = canvas.clientWidth;
  canvas.height = canvas.clientHeight;
  const scale = Math.min(canvas.width / image.naturalWidth, canvas.height / image.naturalHeight);
  view = {
    scale, x: (canvas.width - image.naturalWidth * scale) / 2, y: (canvas.height - image.naturalHeight * scale) / 2,
  };
}

function zoom(factor, x = canvas.width / 2, y = canvas.height / 2) {
  if (!image) return;
  const least = Math.min(canvas.width / image.naturalWidth, canvas.height / image.naturalHeight);
  const scale = Math.min(Math.max(view.scale * factor, least), least * MOST_ZOOM);
  view = { scale, x: x - ((x - view.x) * scale) / view.scale, y: y - ((y - view.y) * scale) / view.scale };
  if (scale === least) fit();
  draw();
}

function draw() {
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!image) return;
  pen.imageSmoothingEnabled = view.scale < 3;
  pen.drawImage(image, view.x, view.y, image.naturalWidth * view.scale, image.naturalHeight * view.scale);
  for (const [x, y] of frame().points_px) {
    pen.beginPath();
    pen.arc(x * view.scale + view.x, y * view.scale + view.y, 5, 0, 2 * Math.PI);
    pen.lineWidth = 3;
    pen.strokeStyle = "#000";
    pen.stroke();
    pen.lineWidth = 1.5;
    pen.strokeStyle = "#ffd23e";
    pen.stroke();
  }
}

async function show(i) {
  current = Math.min(Math.max(i, 0), frames.length - 1);
  undone = [];
  image = null; // until it has come nothing can be marked, lest it be on another picture's place
  draw();
  tell();
  const { name } = frame();
  const fresh = new Image();
  fresh.src = `/pictures/${encodeURIComponent(name)}`;
  try {
    await fresh.decode();
  } catch {
    if (frame().name === name) say(`Picture ${name} cannot be shown: is the command still running?`, true);
    return;
  }
  if (frame().name !== name) return;
  image = fresh;
  fit();
  draw();
  tell();
  document.body.dataset.ready = frame().name;
}

function finish() {
  if (!image) return;
  frame().done = true;
  send(frame());
  const next = frames.findIndex((one) => !one.done);
  if (next < 0) {
    tell();
    return;
  }
  const later = frames.findIndex((one, i) => i > current && !one.done);
  show(later < 0 ? next : later);
}

const place = (event) => {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  const [x, y] = place(event);
  pressed = { x, y, viewX: view.x, viewY: view.y, moved: false };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  if (!pressed) return;
  const [x, y] = place(event);
  if (!pressed.moved && Math.hypot(x - pressed.x, y - pressed.y) < DRAG_PX) return;
  pressed.moved = true;
  view = { ...view, x: pressed.viewX + x - pressed.x, y: pressed.viewY + y - pressed.y };
  draw();
});
canvas.addEventListener("pointerup", (event) => {
  if (!pressed) return;
  const moved = pressed.moved;
  pressed = null;
  if (!moved) click(...place(event));
});
canvas.addEventListener("pointercancel", () => { pressed = null; });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(event.deltaY < 0 ? 1.25 : 0.8, ...place(event));
}, { passive: false });

const KEYS = {
  ArrowRight: () => show(current + 1), n: () => show(current + 1), ArrowLeft: () => show(current - 1), p: () => show(current - 1),
  u: undo, "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), Enter: finish,
};
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") {
    event.preventDefault();
    undo();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && event.target instanceof HTMLButtonElement) return; // the button's own click follows
  const act = KEYS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});
addEventListener("beforeunload", (event) => { if (unsaved.size > 0 || sending) event.preventDefault(); });
addEventListener("resize", () => { if (image) { fit(); draw(); } });

at("previous").addEventListener("click", () => show(current - 1));
at("next").addEventListener("click", () => show(current + 1));
at("undo").addEventListener("click", undo);
at("closer").addEventListener("click", () => zoom(1.5));
at("farther").addEventListener("click", () => zoom(1 / 1.5));
at("done").addEventListener("click", finish);

const answer = await fetch("/frames");
if (!answer.ok) {
  const why = (await answer.text()).trim();
  say(why, true);
  throw new Error(why);
}
frames = await answer.json();
const first = frames.findIndex((one) => !one.done);
await show(first < 0 ? 0 : first);
canvas.focus();
