//! `orders dead-letters`: lists, shows, replays and discards dead letters.

use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{DeadLetter, DeadLetterQueue};
use underpin_logger::NoopLogger;

/// How many are listed at once.
const PAGE: usize = 100;

/// A command for dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// List a page of those after this id, oldest first.
    List { after: u64 },
    /// Show one with everything it carries.
    Inspect(u64),
    /// Give one to the consumer again.
    Replay(u64),
    /// Throw one away.
    Discard(u64),
}

/// Runs the command and returns its output.
///
/// # Errors
/// NATS is not configured or fails, or there is no dead letter with this id.
pub(crate) async fn run(settings: &JetStreamSettings, command: Command) -> Result<String, Error> {
    if settings.servers.is_empty() {
        let why = "the dead letters of the bus in memory are in the process of the service (see NATS_URL)";
        return Err(Error::new(Kind::FailedPrecondition, why));
    }
    // Its output is on stdout; the log belongs to the service.
    let bus = JetStream::connect(settings, Arc::new(NoopLogger)).await;
    let bus = bus.context("connect to NATS (see NATS_URL)")?;
    let said = execute(&bus, command).await;
    let closed = bus.close(settings.request_timeout).await;
    let said = said?;
    closed.context("close the connection to NATS")?;
    Ok(said)
}

async fn execute(queue: &dyn DeadLetterQueue, command: Command) -> Result<String, Error> {
    Ok(match command {
        Command::List { after } => table(&queue.list(after, PAGE).await?),
        Command::Inspect(id) => details(&queue.inspect(id).await?),
        Command::Replay(id) => {
            let receipt = queue.replay(id).await?;
            format!("replayed dead letter {id}, stored at {}\n", receipt.sequence)
        }
        Command::Discard(id) => {
            queue.discard(id).await?;
            format!("discarded dead letter {id}\n")
        }
    })
}

/// A line for each, its parts apart by tabs.
fn table(letters: &[DeadLetter]) -> String {
    let mut text = "ID\tPUT ASIDE\tSUBSCRIPTION\tTYPE\tATTEMPTS\tREASON\n".to_owned();
    for letter in letters {
        let DeadLetter { id, subscription, ty, attempts, reason, .. } = letter;
        text += &format!("{id}\t{}\t{subscription}\t{ty}\t{attempts}\t{reason}\n", time(letter));
    }
    if let (PAGE, Some(last)) = (letters.len(), letters.last()) {
        text += &format!("there may be more: orders dead-letters list {}\n", last.id);
    }
    text
}

fn details(letter: &DeadLetter) -> String {
    let DeadLetter { id, subscription, ty, sequence, attempts, reason, .. } = letter;
    let mut text = format!(
        "id: {id}\ndead-lettered at: {}\nsubscription: {subscription}\ntype: {ty}\nstored at: {sequence}\n\
         attempts: {attempts}\nreason: {reason}\n",
        time(letter)
    );
    for (name, value) in &letter.headers {
        text += &format!("header {name}: {value}\n");
    }
    if !letter.complete {
        text += "the payload is gone with the stream of events: it cannot be replayed\n";
    }
    text + "\n" + &String::from_utf8_lossy(&letter.payload) + "\n"
}

fn time(letter: &DeadLetter) -> String {
    // Only a year that no server writes has no such text.
    OffsetDateTime::from(letter.time).format(&Rfc3339).unwrap_or_default()
}
