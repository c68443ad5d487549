use std::io;

use super::output::Output;

/// Writes whole lines to an [`Output`], also when the output takes them in pieces or fails in the middle of one.
#[derive(Debug)]
pub(super) struct LineWriter {
    output: Output,
    /// The end of a line whose beginning is written; it goes first.
    rest: Vec<u8>,
    mid_line: bool,
}

impl LineWriter {
    pub(super) const fn new(output: Output) -> Self {
        Self { output, rest: Vec::new(), mid_line: false }
    }

    /// Writes as much as the output takes; how much that was, and why it was not all.
    pub(super) fn write(&mut self, bytes: &[u8]) -> (usize, io::Result<()>) {
        let rest = std::mem::take(&mut self.rest);
        let (done, result) = self.write_all(&rest);
        if result.is_err() {
            self.rest = rest.get(done..).unwrap_or_default().to_vec();
            return (0, result);
        }
        let (done, result) = self.write_all(bytes);
        (done, result.and_then(|()| self.output.flush()))
    }

    /// Gives up the lines that [`LineWriter::write`] did not take, except for the end of one that is half out; returns how
    /// many lines are lost.
    pub(super) fn abandon(&mut self, tail: &[u8]) -> u64 {
        let mut lost = tail;
        if self.mid_line && self.rest.is_empty() {
            let cut = tail.iter().position(|byte| *byte == b'\n').map_or(tail.len(), |at| at + 1);
            let (rest, after) = tail.split_at(cut);
            self.rest = rest.to_vec();
            lost = after;
        }
        count_lines(lost)
    }

    /// Whether the beginning of a line is written and its end is among the bytes that were not.
    pub(super) const fn is_mid_line(&self) -> bool {
        self.mid_line && self.rest.is_empty()
    }

    pub(super) fn reopen(&mut self) -> io::Result<()> {
        self.output.reopen()?;
        self.rest.clear();
        self.mid_line = false;
        Ok(())
    }

    fn write_all(&mut self, bytes: &[u8]) -> (usize, io::Result<()>) {
        let mut done = 0;
        while let Some(left @ [_, ..]) = bytes.get(done..) {
            match self.output.write(left) {
                Ok(count) => done += count.min(left.len()),
                Err(error) => return (done, Err(error)),
            }
            self.mid_line = done.checked_sub(1).and_then(|last| bytes.get(last)) != Some(&b'\n');
        }
        (done, Ok(()))
    }
}

/// Whether a retry may help: EAGAIN, a timeout, ENOSPC or EDQUOT.
pub(super) fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock
            | io::ErrorKind::TimedOut
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    )
}

/// As many whole lines as `most` bytes hold, but at least one, and the lines behind them.
pub(crate) fn whole_lines(lines: &[u8], most: usize) -> (&[u8], &[u8]) {
    let newline = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
    let within = lines.get(..most).map_or(Some(lines.len()), |fitting| {
        fitting.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1)
    });
    lines.split_at(within.or_else(|| newline(lines)).unwrap_or(lines.len()))
}

pub(super) fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Takes as many bytes as it has credit for, then says that it would block.
    #[derive(Clone, Default)]
    struct Narrow(Arc<Mutex<(usize, Vec<u8>)>>);

    impl io::Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (credit, taken) = &mut *self.0.lock().unwrap();
            let count = bytes.len().min(*credit);
            if count == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            *credit -= count;
            taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn pieces_end_where_a_line_ends() {
        let split = |lines: &'static str, most| {
            let (piece, rest) = whole_lines(lines.as_bytes(), most);
            (std::str::from_utf8(piece).unwrap(), std::str::from_utf8(rest).unwrap())
        };
        assert_eq!(split("one\ntwo\nsix\n", 9), ("one\ntwo\n", "six\n"));
        assert_eq!(split("one\ntwo\nsix\n", 8), ("one\ntwo\n", "six\n"));
        assert_eq!(split("one\ntwo\nsix\n", 7), ("one\n", "two\nsix\n"));
        assert_eq!(split("one\ntwo\n", 100), ("one\ntwo\n", ""));
        assert_eq!(split("a long one\ntwo\n", 3), ("a long one\n", "two\n"), "at least one");
        assert_eq!(split("no end", 3), ("no end", ""));
        assert_eq!(split("", 3), ("", ""));
    }

    #[test]
    fn a_line_that_is_half_out_is_finished_and_never_torn() {
        let narrow = Narrow::default();
        let mut writer = LineWriter::new(Output::writer(narrow.clone()));
        narrow.0.lock().unwrap().0 = 3;
        let (done, result) = writer.write(b"first\nsecond\nthird\n");
        assert_eq!((done, result.unwrap_err().kind()), (3, io::ErrorKind::WouldBlock));
        assert_eq!(writer.abandon(b"st\nsecond\nthird\n"), 2, "first is not lost, only late");
        let (done, result) = writer.write(b"fourth\n");
        assert!(done == 0 && result.is_err());
        assert_eq!(writer.abandon(b"fourth\n"), 1);
        narrow.0.lock().unwrap().0 = 100;
        assert!(writer.write(b"fifth\n").1.is_ok());
        assert_eq!(narrow.0.lock().unwrap().1, b"first\nfifth\n");
    }
}
