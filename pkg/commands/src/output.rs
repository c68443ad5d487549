use std::fmt::{self, Write};

/// The text that a command prints on standard output, also when it fails half-way.
///
/// # Examples
/// ```
/// use underpin_commands::CommandOutput;
///
/// let mut out = CommandOutput::default();
/// out.line(format_args!("up\t{}", "0001_notes"));
/// assert_eq!(out.as_str(), "up\t0001_notes\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandOutput(String);

impl CommandOutput {
    /// Adds a line.
    pub fn line(&mut self, text: impl fmt::Display) {
        // A string takes everything; only the text's own `Display` could fail.
        let _incomplete = writeln!(self.0, "{text}");
    }

    /// Everything so far.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Write for CommandOutput {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)
    }
}
