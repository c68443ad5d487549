use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use underpin_errors::{Error, Kind};
use underpin_events::{DeadLetter, DeadLetterQueue};

use crate::printable::{one_line, printable};
use crate::{CommandCall, CommandOutput, OperatorCommand};

/// How many are listed at once.
const PAGE: usize = 100;

/// `dead-letters list|inspect|replay|discard`.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use underpin_events::memory::MemoryBus;
/// use underpin_commands::{CommandCall, CommandOutput, DeadLettersCommand, OperatorCommand};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_errors::Error> {
/// let command = DeadLettersCommand::new(Arc::new(MemoryBus::new()));
/// let mut out = CommandOutput::default();
/// command.run(&CommandCall::new("list"), &mut out).await?;
/// assert_eq!(out.as_str(), "ID\tTIME\tSUBSCRIPTION\tTYPE\tATTEMPTS\tREASON\n");
/// # Ok(()) }
/// ```
pub struct DeadLettersCommand(Arc<dyn DeadLetterQueue>);

impl std::fmt::Debug for DeadLettersCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLettersCommand").finish_non_exhaustive()
    }
}

impl DeadLettersCommand {
    /// Works on the dead letters of this bus.
    pub fn new(queue: Arc<dyn DeadLetterQueue>) -> Self {
        Self(queue)
    }
}

#[async_trait]
impl OperatorCommand for DeadLettersCommand {
    async fn run(&self, call: &CommandCall, out: &mut CommandOutput) -> Result<(), Error> {
        let queue = &self.0;
        match call.action() {
            "list" => list(&queue.list(call.number("AFTER")?.unwrap_or(0), PAGE).await?, out),
            "inspect" => show(&queue.inspect(call.required("ID")?).await?, out),
            "replay" => {
                let id = call.required("ID")?;
                let receipt = queue.replay(id).await?;
                out.line(format_args!("replayed dead letter {id}, stored at {}", receipt.sequence));
            }
            "discard" => {
                let id = call.required("ID")?;
                queue.discard(id).await?;
                out.line(format_args!("discarded dead letter {id}"));
            }
            other => {
                let refused = format!("dead-letters has no action {other}");
                return Err(Error::new(Kind::InvalidArgument, refused));
            }
        }
        Ok(())
    }
}

fn list(page: &[DeadLetter], out: &mut CommandOutput) {
    out.line("ID\tTIME\tSUBSCRIPTION\tTYPE\tATTEMPTS\tREASON");
    for letter in page {
        let DeadLetter { id, subscription, ty, attempts, reason, .. } = letter;
        let (ty, reason) = (one_line(ty), one_line(reason));
        out.line(format_args!("{id}\t{}\t{subscription}\t{ty}\t{attempts}\t{reason}", time(letter)));
    }
    if let (PAGE, Some(last)) = (page.len(), page.last()) {
        out.line(format_args!("there may be more: dead-letters list {}", last.id));
    }
}

fn show(letter: &DeadLetter, out: &mut CommandOutput) {
    let DeadLetter { id, subscription, ty, sequence, attempts, reason, .. } = letter;
    out.line(format_args!("id: {id}\ndead-lettered at: {}\nsubscription: {subscription}", time(letter)));
    out.line(format_args!("type: {}\nstored at: {sequence}\nattempts: {attempts}", one_line(ty)));
    out.line(format_args!("reason: {}", one_line(reason)));
    for (name, value) in &letter.headers {
        out.line(format_args!("header {}: {}", one_line(name), one_line(value)));
    }
    if !letter.complete {
        out.line("the payload is gone with the stream of events: it cannot be replayed");
    }
    out.line(format_args!("\n{}", printable(&String::from_utf8_lossy(&letter.payload))));
}

fn time(letter: &DeadLetter) -> String {
    // Only a year that no server writes has no such text.
    OffsetDateTime::from(letter.time).format(&Rfc3339).unwrap_or_default()
}
