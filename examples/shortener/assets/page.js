// Shows the newest links as they are clicked, and makes new ones. Text is set as text, never as markup.

const problem = document.querySelector("#problem");
const drawn = "http://www.w3.org/2000/svg";

function bars(minutes) {
  const svg = document.createElementNS(drawn, "svg");
  svg.setAttribute("viewBox", `0 0 ${minutes.length} 10`);
  svg.setAttribute("preserveAspectRatio", "none");
  const most = Math.max(1, ...minutes);
  minutes.forEach((clicks, minute) => {
    const bar = document.createElementNS(drawn, "rect");
    const height = (10 * clicks) / most;
    for (const [name, value] of Object.entries({ x: minute, y: 10 - height, width: 0.9, height })) {
      bar.setAttribute(name, value);
    }
    svg.append(bar);
  });
  return svg;
}

function row(link) {
  const tr = document.createElement("tr");
  tr.dataset.code = link.short_code;
  if (!link.active) tr.className = "expired";
  const short = document.createElement("a");
  short.href = `/${link.short_code}`;
  short.textContent = link.short_code;
  for (const content of [short, link.original_url, String(link.clicks), bars(link.minutes)]) {
    tr.insertCell().append(content);
  }
  return tr;
}

function show({ links, today }) {
  document.querySelector("#today").textContent = `Today: ${today.links} links, ${today.clicks} clicks`;
  document.querySelector("#links").replaceChildren(...links.map(row));
}

function follow() {
  const events = new EventSource("/api/v1/events");
  events.onmessage = ({ data }) => show(JSON.parse(data));
  events.onerror = () => {
    // The browser connects again by itself unless the answer was an error.
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 2000);
  };
}

document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [url, code] = ["#url", "#code"].map((id) => document.querySelector(id).value);
  const response = await fetch("/api/v1/shorten", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ url, ...(code && { short_code: code }) }),
  });
  const body = await response.json();
  problem.textContent = response.ok ? "" : body.detail;
  if (response.ok) event.target.reset();
});

follow();
