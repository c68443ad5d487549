// Creates jobs and follows each by its events. Text is set as text, never as markup.

const payloads = {
  email: { recipients: [1, 2, 3, 4, 5].map((n) => `user${n}@example.org`), subject: "News", body: "Hello" },
  "image-processing": { image: "cat.png", operations: ["crop", "resize", "watermark", "thumbnail"] },
  "report-generation": { title: "Sales", rows: 450 },
};
const problem = document.querySelector("#problem");

function show(row, job) {
  const [type, status, progress, doing] = row.cells;
  type.textContent = job.type;
  status.textContent = job.status;
  status.className = job.status;
  const bar = progress.querySelector("progress");
  const { done, total, note } = job.progress;
  if (total) {
    bar.max = total;
    bar.value = done;
  }
  progress.querySelector("span").textContent = total ? ` ${done} of ${total}` : ` ${done}`;
  doing.textContent = note ?? "";
}

function follow(job) {
  const row = document.querySelector("#jobs").insertRow();
  for (let cell = 0; cell < 4; cell += 1) row.insertCell();
  // Without a value the bar says that the end is not known.
  row.cells[2].append(document.createElement("progress"), document.createElement("span"));
  show(row, job);
  const events = new EventSource(`/api/v1/jobs/${job.id}/events`);
  events.onmessage = ({ data }) => {
    const next = JSON.parse(data);
    show(row, next);
    if (["completed", "failed", "cancelled"].includes(next.status)) events.close();
  };
}

for (const button of document.querySelectorAll("button")) {
  button.addEventListener("click", async () => {
    const { type } = button.dataset;
    const response = await fetch("/api/v1/jobs", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type, payload: payloads[type] }),
    });
    const body = await response.json();
    problem.textContent = response.ok ? "" : body.detail;
    if (response.ok) follow(body);
  });
}

const { jobs } = await (await fetch("/api/v1/jobs?limit=20")).json();
jobs.forEach(follow);
