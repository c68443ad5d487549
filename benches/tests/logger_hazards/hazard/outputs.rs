//! An output that fails, or takes a line in pieces.

use std::io;

use slog::{error, info};
use underpin_testkit::eventually_blocking;

use super::{Verdict, broken, calm, lines};
use crate::subject::Subject;
use crate::tap::{LIMIT, Mode, Tap};

/// On a bare file a write is a system call.
pub(crate) fn a_record_is_one_write_at_most(subject: &Subject) -> Verdict {
    const RECORDS: usize = 10;

    let tap = Tap::default();
    let log = subject.over(&tap);
    (0..RECORDS).for_each(|n| info!(log, "m"; "n" => n, "customer" => "ada", "paid" => true));
    drop(log);
    let (lines, writes) = (lines(&tap.text())?, tap.writes());
    match lines.len() {
        RECORDS if writes <= RECORDS => Ok(()),
        count => broken(format!("{writes} writes for {count} records")),
    }
}

pub(crate) fn a_broken_pipe_stays_out_of_the_caller(subject: &Subject) -> Verdict {
    let tap = Tap::default();
    let log = subject.over(&tap);
    tap.set(Mode::Fails(io::ErrorKind::BrokenPipe));
    calm(|| error!(log, "first"))?;
    eventually_blocking(LIMIT, "the write fails", || tap.has_failed());
    calm(|| error!(log, "second"))
}

pub(crate) fn a_failure_passes(subject: &Subject) -> Verdict {
    let tap = Tap::default();
    let log = subject.over(&tap);
    tap.set(Mode::Fails(io::ErrorKind::BrokenPipe));
    calm(|| error!(log, "lost"))?;
    eventually_blocking(LIMIT, "the write fails", || tap.has_failed());
    tap.set(Mode::Open);
    // The next record arrives sooner or later, or never: then the calls start to panic.
    let mut outcome = Ok(());
    eventually_blocking(LIMIT, "the record is out", || {
        outcome = calm(|| error!(log, "later"));
        outcome.is_err() || tap.text().contains("\"later\"")
    });
    drop(log);
    outcome?;
    lines(&tap.text()).map(drop)
}

pub(crate) fn an_output_that_is_full_tears_no_line(subject: &Subject) -> Verdict {
    let tap = Tap::default();
    let log = subject.over(&tap);
    tap.set(Mode::Takes(10));
    error!(log, "first");
    eventually_blocking(LIMIT, "the write fails", || tap.has_failed());
    tap.set(Mode::Open);
    error!(log, "second");
    drop(log);
    let lines = lines(&tap.text())?;
    if lines.is_empty() { broken("nothing is there") } else { Ok(()) }
}
