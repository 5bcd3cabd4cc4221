// Keeps the parts of a page that may change up to date: an element with data-live and an id is a part, and an
// element with data-events="URL" names the stream that says when something changed. The page is fetched again and
// each part replaced. What somebody has typed and not yet sent is carried over, and so is the place they are at.
const source = document.querySelector("[data-events]");
const parts = () => document.querySelectorAll("[data-live]");

async function refresh() {
  const response = await fetch(location.href, { headers: { "X-Refresh": "1" } });
  if (!response.ok || response.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of parts()) {
    const replacement = fresh.getElementById(part.id);
    if (replacement) replace(part, document.adoptNode(replacement));
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
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 50);
  });
}
