use async_trait::async_trait;
use underpin_config::duration;
use underpin_database::Pool;
use underpin_errors::{Error, Kind};
use underpin_outbox::{Outbox, OutboxLag};

use crate::printable::one_line;
use crate::{CommandCall, CommandOutput, OperatorCommand};

/// How many are listed at once.
const PAGE: u32 = 100;

/// `outbox status|quarantined|replay|discard`.
///
/// # Examples
/// ```no_run
/// # use underpin_database::Pool; use underpin_outbox::Outbox;
/// use underpin_commands::{Commands, Offer, OutboxCommand};
///
/// # fn offer(commands: &Commands, pool: &Pool, outbox: &Outbox) {
/// commands.offer(Offer::new("outbox", OutboxCommand::new(pool.clone(), outbox.clone())));
/// # }
/// ```
#[derive(Debug)]
pub struct OutboxCommand {
    pool: Pool,
    outbox: Outbox,
}

impl OutboxCommand {
    /// Works on this outbox in this database.
    pub fn new(pool: Pool, outbox: Outbox) -> Self {
        Self { pool, outbox }
    }

    async fn list(&self, call: &CommandCall, out: &mut CommandOutput) -> Result<(), Error> {
        let page = self.outbox.quarantined(&self.pool, call.number("AFTER")?, PAGE).await?;
        out.line("ROW\tKEY\tATTEMPTS\tTYPE\tREASON");
        for event in &page {
            let ty = event.event().map_or_else(|_| "?".to_owned(), |event| event.ty().to_owned());
            let (key, reason) = (one_line(&event.key), one_line(&event.reason));
            out.line(format_args!("{}\t{key}\t{}\t{ty}\t{reason}", event.row, event.attempts));
        }
        if let Some(last) = page.last()
            && page.len() == PAGE as usize
        {
            out.line(format_args!("there may be more: outbox quarantined {}", last.row));
        }
        Ok(())
    }
}

#[async_trait]
impl OperatorCommand for OutboxCommand {
    async fn run(&self, call: &CommandCall, out: &mut CommandOutput) -> Result<(), Error> {
        let (outbox, pool) = (&self.outbox, &self.pool);
        let (row, done, verb) = match call.action() {
            "status" => {
                status(&outbox.lag(pool).await?, out);
                return Ok(());
            }
            "quarantined" => return self.list(call, out).await,
            "replay" => {
                let row = call.required("ROW")?;
                (row, outbox.replay(pool, row).await?, "replayed")
            }
            "discard" => {
                let row = call.required("ROW")?;
                (row, outbox.discard(pool, row).await?, "discarded")
            }
            other => return Err(Error::new(Kind::InvalidArgument, format!("outbox has no action {other}"))),
        };
        if !done {
            return Err(Error::not_found(format!("row {row} is not in quarantine")));
        }
        out.line(format_args!("{verb} row {row}"));
        Ok(())
    }
}

fn status(OutboxLag { waiting, oldest, blocked_keys, quarantined, .. }: &OutboxLag, out: &mut CommandOutput) {
    out.line(format_args!("waiting\t{waiting}\noldest\t{}", duration::format(*oldest)));
    out.line(format_args!("blocked keys\t{blocked_keys}\nquarantined\t{quarantined}"));
}
