// Keeps the parts of a page that may change up to date: an element with data-live and an id is a part, and an
// element with data-events="URL" names the stream that says when something changed. The page is fetched again and
// each part replaced. What somebody has typed and not yet sent is carried over, and so is the place they are at.
//
// A part with data-hold stays as it is while somebody points at it, touches it or has the focus in it: what they aim
// at must not become something else. It then says that there is something new, and shows it when they ask or leave.
const source = document.querySelector("[data-events]");
const parts = () => document.querySelectorAll("[data-live]");
const PAUSE_MS = 2000; // between two looks: a room that is refused much is not fetched for each refusal
const TOUCH_MS = 5000;
const held = new Map(); // the id of a part that is held -> what would replace it
let touchedAt = -TOUCH_MS;
let lookedAt = -PAUSE_MS;

async function refresh() {
  lookedAt = performance.now();
  const response = await fetch(location.href, { headers: { "X-Refresh": "1" } });
  if (!response.ok || response.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of parts()) {
    const replacement = fresh.getElementById(part.id);
    if (!replacement || content(replacement) === content(part)) continue;
    if (isHeld(part)) hold(part, document.adoptNode(replacement));
    else replace(part, document.adoptNode(replacement));
  }
}

// What a part says: its forms' tokens, new with each look, say nothing.
function content(part) {
  const copy = part.cloneNode(true);
  for (const field of copy.querySelectorAll('input[name="csrf_token"]')) field.remove();
  return copy.innerHTML;
}

function isHeld(part) {
  if (!("hold" in part.dataset)) return false;
  return part.matches(":hover") || part.contains(document.activeElement) || performance.now() - touchedAt < TOUCH_MS;
}

function hold(part, replacement) {
  held.set(part.id, replacement);
  if (document.getElementById(`${part.id}-new`)) return;
  const button = document.createElement("button");
  button.id = `${part.id}-new`;
  button.type = "button";
  button.className = "btn btn-sm btn-primary mb-2";
  button.setAttribute("aria-live", "polite");
  button.textContent = "There is something new: show it";
  button.addEventListener("click", () => release(part.id));
  part.before(button);
}

function release(id) {
  const replacement = held.get(id);
  const part = document.getElementById(id);
  held.delete(id);
  document.getElementById(`${id}-new`)?.remove();
  if (replacement && part) part.replaceWith(replacement);
}

function releaseWhatIsLeft() {
  for (const id of [...held.keys()]) {
    const part = document.getElementById(id);
    if (!part || !isHeld(part)) release(id);
  }
}

function replace(part, replacement) {
  const at = part.contains(document.activeElement) ? document.activeElement : null;
  if (at && !replacement.querySelector(`#${CSS.escape(at.id || "-")}`)) return; // their place would be gone
  for (const field of part.querySelectorAll("input[id], select[id], textarea[id]")) {
    const same = replacement.querySelector(`#${CSS.escape(field.id)}`);
    if (same && touched(field)) same.type === "checkbox" ? (same.checked = field.checked) : (same.value = field.value);
  }
  const selection = at && at.selectionStart !== undefined ? [at.selectionStart, at.selectionEnd] : null;
  part.replaceWith(replacement);
  if (!at) return;
  const again = document.getElementById(at.id);
  again.focus({ preventScroll: true });
  if (selection && selection[0] !== null) again.setSelectionRange(...selection);
}

function touched(field) {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.options) return [...field.options].some((option) => option.selected !== option.defaultSelected);
  return field.value !== field.defaultValue;
}

if (source) {
  const events = new EventSource(source.dataset.events);
  let waiting = null;
  events.addEventListener("changed", () => {
    if (waiting !== null) return;
    waiting = setTimeout(
      () => {
        waiting = null;
        refresh();
      },
      Math.max(50, lookedAt + PAUSE_MS - performance.now()),
    );
  });
  document.addEventListener("touchstart", () => (touchedAt = performance.now()), { passive: true });
  setInterval(releaseWhatIsLeft, 500);
}
