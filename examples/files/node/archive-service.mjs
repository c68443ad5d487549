// Hand over and forget: `file.archive`. One member of the queue group gets it, at most once; there is no answer.

export async function archive(nc, filename) {
  nc.publish("file.archive", JSON.stringify({ filename }));
  await nc.flush();
}
