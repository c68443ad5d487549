//! An output that stands still for a while.

use std::time::SystemTime;

use serde_json::Value;
use slog::{error, info};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use underpin_testkit::eventually_blocking;

use super::{Verdict, broken, lines};
use crate::subject::Subject;
use crate::tap::{LIMIT, Mode, Tap};

pub(crate) fn time_is_taken_when_a_record_is_made(subject: &Subject) -> Verdict {
    let tap = Tap::default();
    tap.set(Mode::Hangs);
    let log = subject.over(&tap);
    // Of error level, for a sink that would gather more lines first.
    error!(log, "first");
    eventually_blocking(LIMIT, "the output hangs", || tap.is_hanging());
    info!(log, "second");
    let made = SystemTime::now();
    eventually_blocking(LIMIT, "ten milliseconds pass", || {
        made.elapsed().is_ok_and(|since| since.as_millis() > 10)
    });
    tap.set(Mode::Open);
    drop(log);

    let lines = lines(&tap.text())?;
    let second = lines.iter().find(|line| line["msg"] == "second").ok_or("the second record is lost")?;
    let stamp = second["ts"].as_str().and_then(|ts| OffsetDateTime::parse(ts, &Rfc3339).ok());
    let stamp = stamp.ok_or_else(|| format!("no time: {second:?}"))?;
    let late = stamp - OffsetDateTime::from(made);
    if late.is_positive() { broken(format!("a record says that it was made {late} later")) } else { Ok(()) }
}

pub(crate) fn a_burst_is_kept(subject: &Subject) -> Verdict {
    const RECORDS: u64 = 5000;

    let tap = Tap::default();
    tap.set(Mode::Hangs);
    let log = subject.over(&tap);
    (0..RECORDS).for_each(|n| info!(log, "burst"; "n" => n));
    tap.set(Mode::Open);
    drop(log);
    let lines = lines(&tap.text())?;
    let kept = lines.iter().filter(|line| line.get("n").is_some_and(Value::is_u64)).count() as u64;
    if kept == RECORDS { Ok(()) } else { broken(format!("{kept} of {RECORDS} records are left")) }
}
