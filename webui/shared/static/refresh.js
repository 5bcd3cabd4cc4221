// Keeps the parts of a page that may change up to date: an element with data-live="URL" is a part, and
// <body data-events="URL"> names the stream that says when something changed. The page is fetched again and each
// part replaced; whatever somebody is typing in, is left alone.
const source = document.querySelector("[data-events]");
const parts = () => document.querySelectorAll("[data-live]");

async function refresh() {
  const response = await fetch(location.href, { headers: { "X-Refresh": "1" } });
  if (!response.ok || response.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of parts()) {
    const replacement = fresh.getElementById(part.id);
    if (replacement && !part.contains(document.activeElement)) part.replaceWith(document.adoptNode(replacement));
  }
}

if (source) {
  const events = new EventSource(source.dataset.events);
  let waiting = null;
  events.addEventListener("changed", () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 50);
  });
}
