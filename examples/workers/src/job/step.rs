//! Runs the steps of a job. The effect of a step, the progress and, with the last step, the end of the job commit together.

use std::time::Duration;

use rand::RngExt as _;
use underpin_database::{
    Database, DatabaseError, DatabaseExt as _, Executor as _, Pool, Transaction, TxOptions, sql,
};
use underpin_errors::Error;
use underpin_jobs::{Job, JobId, JobOutcome, JobRun, Progress};

use crate::SimulationSettings;

/// A job that consists of steps.
pub(crate) trait Steps: Job {
    /// How many steps there are.
    fn steps(&self) -> u64;

    /// How many steps a reader of the progress knows of; zero where the end is not known.
    fn total(&self) -> u64 {
        self.steps()
    }

    /// What a step does, for people.
    fn note(&self, step: u64) -> String;

    /// What is left behind by a step: a mail in an outbox, a file, a row.
    fn effect(&self, step: u64) -> String;
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Worker {
    database: Pool,
    simulation: SimulationSettings,
}

impl Worker {
    pub(crate) fn new(database: &Pool, simulation: &SimulationSettings) -> Self {
        Self { database: database.clone(), simulation: simulation.clone() }
    }

    /// Takes as long as a real step would.
    async fn simulate(&self) -> Result<(), String> {
        tokio::time::sleep(self.simulation.step).await;
        let fails = rand::rng().random_range(0..100) < u32::from(self.simulation.failure_percent);
        if fails { Err("a simulated failure".to_owned()) } else { Ok(()) }
    }
}

/// The handler of every kind: goes on behind the steps that are done.
///
/// A process that is killed loses the step it is in. The next attempt does that step and no earlier one, so progress never falls. If two attempts
/// run at once, because one was frozen for longer than its lease, the key of the step lets one of them commit.
pub(crate) async fn work<S: Steps>(worker: Worker, job: S, run: JobRun) -> Result<JobOutcome, Error> {
    let database = worker.database.with(run.context());
    let steps = job.steps();
    let mut step = done(&database, run.job()).await?;
    while step < steps {
        if run.is_cancelled() {
            return Ok(JobOutcome::Cancelled);
        }
        run.progress(Progress::new(step, job.total()).note(job.note(step)));
        if let Err(reason) = worker.simulate().await {
            return Ok(JobOutcome::retry_after(Duration::from_millis(100), reason));
        }
        let (id, effect, is_last) = (run.job(), &job.effect(step), step + 1 == steps);
        let run = &run;
        let commit = |tx: Transaction| async move {
            let is_new = insert(&tx, id, step, effect).await?;
            if is_new && is_last {
                run.complete_in(&tx).await.map(Some).map_err(Error::from)
            } else {
                Ok(None)
            }
        };
        if let Some(outcome) = database.transaction(TxOptions::default(), commit).await? {
            return Ok(outcome);
        }
        step += 1;
    }
    // A job that was completed before runs no more; this is one without steps.
    Ok(JobOutcome::Done)
}

/// False where another attempt has done the step.
async fn insert(tx: &Transaction, job: JobId, step: u64, effect: &str) -> Result<bool, DatabaseError> {
    let insert = "INSERT INTO job_step (job, step, effect) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let row = [job.to_string().into(), number(step).into(), effect.into()];
    Ok(tx.execute(sql(insert, row)).await?.rows_affected() == 1)
}

/// How many steps of a job are done.
pub(crate) async fn done(database: &dyn Database, job: JobId) -> Result<u64, DatabaseError> {
    let query = "SELECT COUNT(*) AS done FROM job_step WHERE job = $1";
    let row = database.query_one(sql(query, [job.to_string().into()])).await?;
    let done: i64 = row.map_or(Ok(0), |row| row.try_get("", "done"))?;
    Ok(done.unsigned_abs())
}

/// Steps are few.
fn number(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}
