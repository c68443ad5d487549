use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, PoisonError},
};

/// A flight recorder: keeps the lines of one unit of work that the level rules keep out of the log, until a record of error level.
///
/// Bounded in bytes: the oldest lines go first.
pub(crate) struct FlightRecorder {
    held: Mutex<VecDeque<u8>>,
    capacity: usize,
}

impl FlightRecorder {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self { held: Mutex::new(VecDeque::new()), capacity }
    }

    /// Adds complete lines.
    pub(crate) fn push(&self, lines: &[u8]) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        while held.len() + lines.len() > self.capacity && !held.is_empty() {
            let first = held.iter().position(|byte| *byte == b'\n').map_or(held.len(), |end| end + 1);
            held.drain(..first);
        }
        if lines.len() <= self.capacity {
            held.extend(lines);
        }
    }

    /// The lines held so far, oldest first, which are then forgotten.
    pub(crate) fn drain(&self) -> Vec<u8> {
        std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl fmt::Debug for FlightRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlightRecorder").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_go_first_and_whole() {
        let recorder = FlightRecorder::new(10);
        for line in ["one\n", "two\n", "six\n", "a line over the bound\n", "ten\n"] {
            recorder.push(line.as_bytes());
        }
        assert_eq!(
            recorder.drain(),
            b"ten\n",
            "an oversized line empties the recorder and is not held itself"
        );
        recorder.push(b"one\n");
        recorder.push(b"two\n");
        recorder.push(b"six\n");
        assert_eq!(recorder.drain(), b"two\nsix\n");
        assert!(recorder.drain().is_empty());
    }
}
