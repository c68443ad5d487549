use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    Callsite, Context, Entry, FlushError, Level, Redaction, Sampling, Tag,
    stream::format::Format,
    stream::json::with_scratch,
    stream::level_handle::Decision,
    stream::record::{RecordMeta, RecordSource},
    stream::sink::{Sink, inside_output},
};

const INSIDE_OUTPUT: &str = "called from inside of a log output";

/// Format, redaction, sampling and sink of one stream.
pub(crate) struct Pipeline {
    pub(crate) format: Format,
    pub(crate) redact: Redaction,
    pub(crate) sink: Arc<dyn Sink>,
    sampling: Option<Sampling>,
    /// Lost lines that the stream has reported, and when it last did (milliseconds since the epoch).
    reported: AtomicU64,
    reported_at: AtomicU64,
    /// Records that came from inside of an output.
    refused: AtomicU64,
}

impl Pipeline {
    pub(crate) const fn new(
        format: Format,
        redact: Redaction,
        sink: Arc<dyn Sink>,
        sampling: Option<Sampling>,
    ) -> Self {
        Self {
            format,
            redact,
            sink,
            sampling,
            reported: AtomicU64::new(0),
            reported_at: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Encodes under no lock, then passes whole lines to the sink or to the flight recorder.
    pub(crate) fn emit(&self, decision: Decision, meta: &RecordMeta<'_>, source: &impl RecordSource) {
        // A writer of the user that logs would otherwise wait for itself.
        if inside_output() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match (decision, meta.ctx.recorder()) {
            (Decision::Skip, _) | (Decision::Record, None) => {}
            (Decision::Record, Some(recorder)) => self.encoded(meta, source, |lines| recorder.push(lines)),
            (Decision::Write, recorder) => {
                if let Some(recorder) = recorder.filter(|_| meta.level >= Level::Error) {
                    let held = recorder.drain();
                    if !held.is_empty() {
                        self.sink.write(meta.level, &held);
                    }
                }
                self.write(meta, source);
            }
        }
    }

    fn write(&self, meta: &RecordMeta<'_>, source: &impl RecordSource) {
        if let Some(sampling) = self.sampling.as_ref().filter(|_| meta.ctx.level().is_none()) {
            if !sampling.keeps(meta.level, source.sampling_key(), meta.since_epoch) {
                return;
            }
            if let Some(count) = sampling.notice(meta.since_epoch) {
                self.report_sampled(count, |lines| self.sink.write(Level::Warn, lines));
            }
        }
        self.encoded(meta, source, |lines| self.sink.write(meta.level, lines));
        let dropped = self.dropped();
        if dropped != self.reported.load(Ordering::Relaxed) {
            self.report_losses(dropped, meta.since_epoch);
        }
    }

    /// Encodes a record and lends it out.
    pub(crate) fn encoded(
        &self,
        meta: &RecordMeta<'_>,
        source: &impl RecordSource,
        take: impl FnOnce(&[u8]),
    ) {
        with_scratch(|scratch| {
            // The encoder contains what values can do; this keeps a fault of ours from reaching the caller.
            let whole = catch_unwind(AssertUnwindSafe(|| {
                self.format.encode(scratch, &self.redact, meta, source);
            }));
            if whole.is_ok() {
                take(&scratch.buf);
            }
        });
    }

    pub(crate) fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        if inside_output() {
            // The sink would wait for the write that this call is part of.
            return Err(FlushError::Sink(io::Error::other(INSIDE_OUTPUT)));
        }
        if let Some(sampling) = &self.sampling {
            self.report_rest(sampling);
        }
        self.sink.flush(deadline)
    }

    /// Reports the records that sampling dropped since the last report; if the sink does not take it, they stay for the next.
    fn report_rest(&self, sampling: &Sampling) {
        if !inside_output()
            && let Some(count) = sampling.rest()
        {
            let mut taken = false;
            self.report_sampled(count, |lines| taken = self.sink.offer(lines));
            if !taken {
                sampling.leave_out(count);
            }
        }
    }

    /// Reopens the output of the sink.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        if inside_output() { Err(io::Error::other(INSIDE_OUTPUT)) } else { self.sink.reopen() }
    }

    /// Lines that were lost.
    pub(crate) fn dropped(&self) -> u64 {
        self.sink.dropped() + self.refused.load(Ordering::Relaxed)
    }

    /// Says in the stream itself that lines were lost: once a second at most, and once lines get through again.
    #[cold]
    fn report_losses(&self, dropped: u64, now: Duration) {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let last = self.reported_at.load(Ordering::Relaxed);
        let mine =
            |new| self.reported_at.compare_exchange(last, new, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if now_ms.abs_diff(last) < 1000 || !mine(now_ms) {
            return;
        }
        let since = dropped.saturating_sub(self.reported.load(Ordering::Relaxed));
        let tags = [Tag::new("dropped", &since), Tag::new("dropped_total", &dropped)];
        let mut taken = false;
        self.report("log records dropped", &tags, |lines| taken = self.sink.offer(lines));
        if taken {
            self.reported.store(dropped, Ordering::Relaxed);
        } else {
            self.reported_at.store(last, Ordering::Relaxed);
        }
    }
}

impl Pipeline {
    fn report_sampled(&self, count: u64, take: impl FnOnce(&[u8])) {
        self.report("log records left out", &[Tag::new("left_out", &count)], take);
    }

    /// A record of the log about itself.
    fn report(&self, msg: &str, tags: &[Tag<'_>], take: impl FnOnce(&[u8])) {
        let ctx = Context::background();
        let site = Callsite::new(module_path!(), file!(), line!());
        let notice = Entry::new(Level::Warn, &ctx, msg, site).with_tags(tags);
        self.encoded(&RecordMeta::of(&notice), &notice, take);
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("format", &self.format).finish_non_exhaustive()
    }
}
