use std::{
    error::Error,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
};

use crate::{FlushError, placeholders::DISPLAY_PANICKED};

/// The process cannot go on, this has been logged, and how it ends is the caller's decision.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
#[must_use = "a fatal error is only logged; end the process with exit, abort or into_error"]
pub struct Fatal {
    message: String,
    #[source]
    cause: Cause,
    flush: Option<FlushError>,
}

impl Fatal {
    pub(crate) fn new(message: &str, error: &(dyn Error + 'static), flush: Option<FlushError>) -> Self {
        let cause = Cause(text_of(error));
        Self { message: message.to_owned(), cause, flush }
    }

    /// Why the record may not have been written, if so.
    pub const fn flush_error(&self) -> Option<&FlushError> {
        self.flush.as_ref()
    }

    /// Ends the process with an exit code, without running destructors.
    pub fn exit(self, code: i32) -> ! {
        process::exit(code)
    }

    /// Ends the process at once, with a core dump where the system makes one.
    pub fn abort(self) -> ! {
        process::abort()
    }

    /// The failure as an error to return from `main`: the message, and as its source what the logged error said.
    pub fn into_error(self) -> Box<dyn Error + Send + Sync> {
        Box::new(self)
    }
}

/// What the logged error and its causes said; the error itself was only borrowed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

/// What an error and its causes say. One that panics instead costs its own text and not the way out of the process.
fn text_of(error: &(dyn Error + 'static)) -> String {
    catch_unwind(AssertUnwindSafe(|| underpin_errors::Report(error).to_string())).unwrap_or_else(|payload| {
        // Even what a panic left may panic when it is dropped; at the end of a process it may as well stay.
        mem::forget(payload);
        DISPLAY_PANICKED.to_owned()
    })
}
