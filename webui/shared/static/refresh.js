// Keeps the parts of a page that may change up to date: an element with data-live and an id is a part, and an
// element with data-events="URL" names the stream that says when something changed. The page is then asked for the
// parts that are not what this page has (webui/shared/live_parts.py), and each is replaced. What somebody has typed
// and not yet sent is carried over, and so is the place they are at, and what they have unfolded.
//
// A part stays as it is while somebody points at something in it that can be pressed or stands in a row, touches it
// or has the focus in it: what they aim at must not become something else. It then says how much is new, and shows
// it when they ask or leave. Where that part has changed, what is new of what its elements say with data-say is read
// out, or else what it says with data-announce.
const source = document.querySelector("[data-events]");
const parts = () => document.querySelectorAll("[data-live]");
const PAUSE_MS = 2000; // between two looks: a room that is refused much is not fetched for each refusal
const TOUCH_MS = 5000;
const AIMED_AT = "tr, li, section, form, button, a, input, select, textarea, summary";
const versions = new Map(); // the id of a part -> which version of it this page has, or holds, and of which rows
const rows = new Map(); // the version of a row of a table -> the row
const held = new Map(); // the id of a part that is held -> what would replace it
let touchedOn = null;
let touchedAt = -TOUCH_MS;
let lookedAt = -PAUSE_MS;

async function refresh() {
  lookedAt = performance.now();
  const known = [...versions].map(([id, version]) => `${id}=${version}`).join(",") || "1";
  const response = await fetch(location.href, { headers: { "X-Refresh": known } });
  const kind = response.headers.get("Content-Type") ?? "";
  if (!response.ok || response.redirected || !kind.includes("hallpass.parts")) return location.reload();
  const fresh = await response.json();
  document.title = new DOMParser().parseFromString(fresh.title, "text/html").body.textContent;
  for (const [id, { version, html }] of Object.entries(fresh.parts)) {
    const part = document.getElementById(id);
    const made = new DOMParser().parseFromString(html, "text/html").getElementById(id);
    versions.set(id, [version, ...(made ? putBackRows(made) : [])].join("."));
    if (!part || !made || content(made) === content(part)) continue;
    const replacement = document.adoptNode(made);
    if (isHeld(part)) hold(part, replacement);
    else if (replace(part, replacement)) announce(replacement, part);
    else versions.delete(id);
  }
}

// Puts the rows that were left out, because this page has them, back in their places; returns every row's version.
function putBackRows(part) {
  const found = [...part.querySelectorAll("tr[data-row]")];
  for (const row of found) {
    const version = row.dataset.row;
    if (!row.hasAttribute("data-same")) rows.set(version, row.cloneNode(true));
    else if (rows.has(version)) row.replaceWith(rows.get(version).cloneNode(true));
  }
  return found.map((row) => row.dataset.row);
}

// What a part says: its forms' tokens, new with each look, say nothing, nor do cells that were labelled.
function content(part) {
  const copy = part.cloneNode(true);
  for (const field of copy.querySelectorAll('input[name="csrf_token"]')) field.remove();
  return copy.textContent.replace(/\s+/g, " ") + [...copy.querySelectorAll("form, a, button, option, input")]
    .map((one) => [one.getAttribute("action"), one.getAttribute("href"), one.getAttribute("name"), one.getAttribute("value")].join()).join();
}

function isHeld(part) {
  if (touchedOn?.isConnected && part.contains(touchedOn) && performance.now() - touchedAt < TOUCH_MS) return true;
  if (part.contains(document.activeElement)) return true;
  const pointed = [...part.querySelectorAll(":hover")].pop();
  return pointed !== undefined && pointed.closest(AIMED_AT) !== null && part.contains(pointed.closest(AIMED_AT));
}

function hold(part, replacement) {
  held.set(part.id, replacement);
  let button = document.getElementById(`${part.id}-new`);
  if (!button) {
    button = document.createElement("button");
    button.id = `${part.id}-new`;
    button.type = "button";
    button.className = "held-news btn btn-sm btn-primary";
    button.addEventListener("click", () => release(part.id));
    document.body.append(button);
  }
  const count = rowsOf(replacement).filter((row) => !rowsOf(part).includes(row)).length;
  const words = count
    ? (source.dataset.someNew ?? "{count} new: show").replace("{count}", count)
    : (source.dataset.changed ?? "Something changed: show");
  if (button.textContent === words) return;
  button.textContent = words;
  say(words);
}

function rowsOf(part) {
  return [...part.querySelectorAll("tbody tr, li, section")].map((row) => row.dataset.key ?? row.querySelector(".name")?.textContent.trim() ?? row.textContent.trim());
}

function release(id) {
  const replacement = held.get(id);
  const part = document.getElementById(id);
  held.delete(id);
  document.getElementById(`${id}-new`)?.remove();
  if (!replacement || !part) return;
  const had = part.contains(document.activeElement) || document.activeElement === document.body;
  if (!replace(part, replacement)) part.replaceWith(replacement);
  if (had && document.activeElement === document.body) focusOn(replacement);
  announce(replacement, part);
}

function focusOn(part) {
  part.tabIndex = -1;
  part.focus({ preventScroll: true });
}

function releaseWhatIsLeft() {
  for (const id of [...held.keys()]) {
    const part = document.getElementById(id);
    if (!part || !isHeld(part)) release(id);
  }
}

// Returns whether it was replaced: it is not where somebody's place in it would be gone.
function replace(part, replacement) {
  const at = part.contains(document.activeElement) ? document.activeElement : null;
  if (at && !replacement.querySelector(`#${CSS.escape(at.id || "-")}`)) return false;
  for (const field of part.querySelectorAll("input[id], select[id], textarea[id]")) {
    const same = replacement.querySelector(`#${CSS.escape(field.id)}`);
    if (same && touched(field)) same.type === "checkbox" ? (same.checked = field.checked) : (same.value = field.value);
  }
  for (const opened of part.querySelectorAll("details[id][open]")) {
    const same = replacement.querySelector(`#${CSS.escape(opened.id)}`);
    if (same) same.open = true;
  }
  const selection = at && at.selectionStart !== undefined ? [at.selectionStart, at.selectionEnd] : null;
  part.replaceWith(replacement);
  if (!at) return true;
  const again = document.getElementById(at.id);
  again.focus({ preventScroll: true });
  if (selection && selection[0] !== null) again.setSelectionRange(...selection);
  return true;
}

function announce(part, before) {
  const known = sayings(before);
  const fresh = sayings(part).filter((words) => !known.includes(words));
  if (fresh.length) say(fresh.join(" "));
  else if (part.dataset.announce) say(part.dataset.announce);
}

function sayings(part) {
  return [...part.querySelectorAll("[data-say]")].map((one) => one.dataset.say);
}

function say(words) {
  document.getElementById("announcements").textContent = words;
}

function touched(field) {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.options) return [...field.options].some((option) => option.selected !== option.defaultSelected);
  return field.value !== field.defaultValue;
}

if (source) {
  const events = new EventSource(source.dataset.events);
  let waiting = null;
  const lookSoon = () => {
    if (waiting !== null) return;
    waiting = setTimeout(
      () => {
        waiting = null;
        refresh();
      },
      Math.max(50, lookedAt + PAUSE_MS - performance.now()),
    );
  };
  events.addEventListener("changed", lookSoon);
  // What happened before it could be heard: while the page was on its way, or a telephone slept.
  if ("lookFirst" in source.dataset) events.addEventListener("open", lookSoon);
  document.addEventListener(
    "touchstart",
    (event) => {
      touchedAt = performance.now();
      touchedOn = event.target;
    },
    { passive: true },
  );
  setInterval(releaseWhatIsLeft, 500);
}
