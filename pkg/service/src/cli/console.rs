use std::io::Write;

use crate::exit_code::FAILURE;

/// Where a command prints: standard output and standard error, or the buffers of a test.
pub(crate) struct Console<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl<'a> Console<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { out, err }
    }

    /// Prints the result of a command. Returns the exit code: `code`, and a failure if the text was cut off by a closed pipe or a full disk, since an
    /// operator must not take a part of a list for the whole.
    pub(super) fn print(&mut self, text: &str, code: u8) -> u8 {
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Ok(()) => code,
            Err(_) => code.max(FAILURE),
        }
    }

    /// Prints why there is no answer. Returns the exit code.
    pub(super) fn refuse(&mut self, text: &str, code: u8) -> u8 {
        // A closed standard error is no reason to hide the exit code.
        let _closed = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
        code
    }
}
