//! From a byte offset to a line number.

/// The offsets at which lines start.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let after_newlines =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset + 1);
        Self(std::iter::once(0).chain(after_newlines).collect())
    }

    /// How many lines there are; of most files about as many as keys.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The line that holds `offset`, counted from 1.
    pub(super) fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}
