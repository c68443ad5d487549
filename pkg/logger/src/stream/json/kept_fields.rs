use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

/// The fields of a context as JSON, from its second line on: most contexts have a single one, which renders them in place.
#[derive(Debug, Default)]
pub(crate) struct KeptFields {
    kept: OnceLock<Box<[u8]>>,
    has_line: AtomicBool,
}

impl KeptFields {
    pub(crate) const fn new() -> Self {
        Self { kept: OnceLock::new(), has_line: AtomicBool::new(false) }
    }

    pub(super) fn get(&self) -> Option<&[u8]> {
        self.kept.get().map(|kept| &**kept)
    }

    /// Notes what a line has rendered.
    pub(super) fn rendered(&self, fields: &[u8]) {
        if self.has_line.load(Ordering::Relaxed) {
            // Another thread may have kept the same.
            let _kept = self.kept.set(fields.into());
        } else {
            self.has_line.store(true, Ordering::Relaxed);
        }
    }
}

/// A copy belongs to a context that is about to change.
impl Clone for KeptFields {
    fn clone(&self) -> Self {
        Self::new()
    }
}
