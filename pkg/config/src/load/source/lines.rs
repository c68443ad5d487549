//! From a byte offset to a line number.

/// The offsets at which lines start. A line ends with LF, CR LF or CR.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(offset, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(offset + 1) != Some(&b'\n'),
            _ => false,
        });
        Self(std::iter::once(0).chain(ends.map(|(offset, _)| offset + 1)).collect())
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
