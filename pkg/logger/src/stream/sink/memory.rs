use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::sink_trait::Sink;
use crate::{FlushError, Level};

/// Keeps lines in memory, for tests of what a service really writes. Clones share the lines.
#[derive(Debug, Clone, Default)]
pub struct MemorySink(Arc<Mutex<Vec<u8>>>);

impl MemorySink {
    /// A sink without lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything written so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// The lines written so far, without their newlines.
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }
}

impl Sink for MemorySink {
    fn write(&self, _: Level, lines: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(lines);
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        Ok(())
    }

    fn dropped(&self) -> u64 {
        0
    }
}
