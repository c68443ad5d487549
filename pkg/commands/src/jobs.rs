use async_trait::async_trait;
use underpin_config::duration;
use underpin_errors::{Error, Kind};
use underpin_jobs::{CancelOutcome, JobFilter, JobId, JobState, Jobs};

use crate::printable::one_line;
use crate::{CommandCall, CommandOutput, OperatorCommand};

/// How many are listed at once.
const PAGE: usize = 100;

/// `jobs queues|list|dead|inspect|cancel|replay|discard|pause|resume`, and `schedules|pause-schedule|resume-schedule|remove-schedule`.
///
/// # Examples
/// ```no_run
/// # use underpin_jobs::Jobs;
/// use underpin_commands::{Commands, JobsCommand, Offer};
///
/// # fn offer(commands: &Commands, jobs: &Jobs) {
/// commands.offer(Offer::new("jobs", JobsCommand::new(jobs.clone())));
/// # }
/// ```
#[derive(Debug)]
pub struct JobsCommand {
    jobs: Jobs,
}

impl JobsCommand {
    /// Works on these jobs.
    pub fn new(jobs: Jobs) -> Self {
        Self { jobs }
    }

    async fn queues(&self, out: &mut CommandOutput) -> Result<(), Error> {
        out.line("QUEUE\tKIND\tVERSION\tREADY\tSCHEDULED\tRUNNING\tDEAD\tOLDEST\tPAUSED");
        for status in self.jobs.queues().await? {
            let (queue, kind) = (one_line(&status.queue), one_line(&status.kind));
            let paused = if status.paused { "paused" } else { "-" };
            out.line(format_args!(
                "{queue}\t{kind}\t{}\t{}\t{}\t{}\t{}\t{}\t{paused}",
                status.version,
                status.ready,
                status.scheduled,
                status.running,
                status.dead,
                duration::format(status.oldest)
            ));
        }
        Ok(())
    }

    async fn list(
        &self,
        filter: &JobFilter,
        call: &CommandCall,
        out: &mut CommandOutput,
    ) -> Result<(), Error> {
        let page = self.jobs.list(filter, call.number::<JobId>("AFTER")?, PAGE).await?;
        out.line("ID\tQUEUE\tKIND\tSTATE\tATTEMPT\tREASON");
        for status in &page {
            let (queue, kind) = (one_line(&status.queue), one_line(&status.kind));
            let reason = one_line(status.reason.as_deref().unwrap_or("-"));
            let state = status.state.as_str();
            out.line(format_args!("{}\t{queue}\t{kind}\t{state}\t{}\t{reason}", status.id, status.attempt));
        }
        if let Some(last) = page.last()
            && page.len() == PAGE
        {
            out.line(format_args!("there may be more: jobs {} {}", call.action(), last.id));
        }
        Ok(())
    }

    async fn inspect(&self, call: &CommandCall, out: &mut CommandOutput) -> Result<(), Error> {
        let id: JobId = call.required("ID")?;
        let found = self.jobs.inspect(id).await?.ok_or_else(|| Error::not_found(format!("no job {id}")))?;
        let text = serde_json::to_string_pretty(&found)
            .map_err(|error| Error::wrap(Kind::Internal, error, "print a job"))?;
        out.line(text);
        Ok(())
    }

    async fn cancel(&self, call: &CommandCall, out: &mut CommandOutput) -> Result<(), Error> {
        let id: JobId = call.required("ID")?;
        match self.jobs.cancel(id).await? {
            CancelOutcome::Removed => out.line(format_args!("cancelled {id}")),
            CancelOutcome::Asked => out.line(format_args!("{id} is running; its handler is asked to stop")),
            CancelOutcome::Ended => return Err(Error::conflict(format!("job {id} has ended"))),
            _ => return Err(Error::not_found(format!("no job {id}"))),
        }
        Ok(())
    }

    async fn schedules(&self, out: &mut CommandOutput) -> Result<(), Error> {
        out.line("NAME\tSCHEDULE\tLAST TICK\tPAUSED");
        for status in self.jobs.store().schedules().await?.1 {
            let (name, schedule) = (one_line(&status.name), one_line(&status.schedule));
            let paused = if status.paused { "paused" } else { "-" };
            out.line(format_args!("{name}\t{schedule}\t{}\t{paused}", status.last_tick));
        }
        Ok(())
    }
}

#[async_trait]
impl OperatorCommand for JobsCommand {
    async fn run(&self, call: &CommandCall, out: &mut CommandOutput) -> Result<(), Error> {
        let jobs = &self.jobs;
        let (done, what) = match call.action() {
            "queues" => return self.queues(out).await,
            "list" => return self.list(&JobFilter::default(), call, out).await,
            "dead" => return self.list(&JobFilter::default().state(JobState::Dead), call, out).await,
            "inspect" => return self.inspect(call, out).await,
            "cancel" => return self.cancel(call, out).await,
            "schedules" => return self.schedules(out).await,
            action @ ("replay" | "discard") => {
                let id: JobId = call.required("ID")?;
                let done = if action == "replay" { jobs.replay(id).await? } else { jobs.discard(id).await? };
                (done, format!("dead job {id}"))
            }
            action @ ("pause" | "resume") => {
                let queue: String = call.required("QUEUE")?;
                if action == "pause" {
                    jobs.pause(&queue).await?;
                } else {
                    jobs.resume(&queue).await?;
                }
                (true, format!("queue {queue}"))
            }
            action @ ("pause-schedule" | "resume-schedule") => {
                let name: String = call.required("NAME")?;
                let done = jobs.store().set_schedule_paused(&name, action == "pause-schedule").await?;
                (done, format!("cron entry {name}"))
            }
            "remove-schedule" => {
                let name: String = call.required("NAME")?;
                (jobs.store().remove_schedule(&name).await?, format!("cron entry {name}"))
            }
            other => return Err(Error::new(Kind::InvalidArgument, format!("jobs has no action {other}"))),
        };
        let what = one_line(&what);
        if !done {
            return Err(Error::not_found(format!("there is no {what}")));
        }
        out.line(format_args!("{}: {what}", call.action()));
        Ok(())
    }
}
