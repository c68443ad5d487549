// Burns down no-op jobs with pg-boss: `node pg-boss.mjs URL JOBS`, in an empty database.
//
// The jobs are committed together before the clock starts. Two loops fetch 64 jobs and complete them, without a pause: the workers of
// pg-boss (`work`) pause for half a second at least after each batch. Prints the nanoseconds.
import PgBoss from "pg-boss";

const [url, count] = process.argv.slice(2);
const [queue, batch, loops] = ["bench", 64, 2];

const boss = new PgBoss({ connectionString: url, max: 25 });
await boss.start();
await boss.createQueue(queue);
await boss.insert(Array.from({ length: Number(count) }, (_, number) => ({ name: queue, data: { number } })));

let ended = 0;
async function consume() {
  for (;;) {
    const jobs = await boss.fetch(queue, { batchSize: batch });
    if (jobs.length === 0) return;
    await boss.complete(queue, jobs.map((job) => job.id));
    ended += jobs.length;
  }
}

const start = process.hrtime.bigint();
await Promise.all(Array.from({ length: loops }, consume));
const took = process.hrtime.bigint() - start;
if (ended !== Number(count)) throw new Error(`${ended} of ${count} jobs ended`);
console.log(String(took));
process.exit(0);
