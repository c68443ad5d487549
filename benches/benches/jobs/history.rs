//! Claims and ends before an empty and before a long history.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use underpin_database::{Connections, Executor, TxOptions, sql};
use underpin_jobs::store::{Claim, ClaimKind, Finished, Verdict};

use super::stage::{AT_ONCE, Noop, QUEUE, Stage};
use super::{Contender, Done, compare, number};

/// Jobs of a round.
const JOBS: u64 = 6_400;
const ROUNDS: u64 = 9;

pub(crate) fn measure(runtime: &Runtime) -> Done {
    let rows = number("JOBS_HISTORY", 10_000_000)?;
    let (empty, long) = (runtime.block_on(Stage::set())?, runtime.block_on(Stage::set())?);
    runtime.block_on(fill(&long, rows))?;
    for (what, part) in [("claims", Part::Claims), ("ends", Part::Ends)] {
        let contenders: Vec<Contender<'_>> = [("an empty history", &empty), ("the long history", &long)]
            .into_iter()
            .map(|(name, stage)| -> Contender<'_> {
                (name, Box::new(move || runtime.block_on(time(stage, part))))
            })
            .collect();
        compare(&format!("{what} of 64 jobs before {rows} rows of history"), "job", ROUNDS, contenders)?;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Claims,
    Ends,
}

/// Ended jobs of the last hours, with their indexes.
async fn fill(stage: &Stage, rows: u64) -> Done {
    let tx = stage.pool.begin(TxOptions::default()).await?;
    // Larger than any statement of a service.
    tx.set_statement_timeout(Duration::ZERO).await?;
    tx.batch("ALTER TABLE underpin_job_history DROP CONSTRAINT underpin_job_history_pkey; DROP INDEX underpin_job_history_ended_at")
        .await?;
    let text = "INSERT INTO underpin_job_history (id, queue, kind, version, attempt, enqueued_at, ended_at, state) \
                SELECT CAST('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid), 'bench', 'noop', 1, 1, \
                now() - (($1 - n) / 1000.0) * interval '1 second', now() - (($1 - n) / 1000.0) * interval '1 second', 'done' \
                FROM generate_series(1, $1) n";
    tx.execute(sql(text, [i64::try_from(rows)?.into()])).await?;
    tx.batch(
        "ALTER TABLE underpin_job_history ADD PRIMARY KEY (id); \
         CREATE INDEX underpin_job_history_ended_at ON underpin_job_history (ended_at)",
    )
    .await?;
    tx.commit().await?;
    // What would begin by itself in the middle of the measurement.
    for text in ["VACUUM ANALYZE underpin_job_history", "CHECKPOINT"] {
        stage.pool.batch(text).await?;
    }
    Ok(())
}

/// Claims and ends jobs, and times one of the two.
async fn time(stage: &Stage, part: Part) -> Done<f64> {
    stage.enqueue::<Noop>(JOBS).await?;
    let kinds = vec![ClaimKind::new(QUEUE, AT_ONCE, "noop", 1)];
    let claim = Claim::new(kinds, Duration::from_secs(30), "bench");
    let (mut took, mut done) = (Duration::ZERO, 0);
    while done < JOBS {
        let start = Instant::now();
        let claimed = stage.jobs.store().claim(&claim).await?;
        took += if part == Part::Claims { start.elapsed() } else { Duration::ZERO };
        let ends: Vec<_> = claimed.iter().map(|one| Finished::new(one.run, Verdict::Done)).collect();
        let start = Instant::now();
        stage.jobs.store().finish(&ends).await?;
        took += if part == Part::Ends { start.elapsed() } else { Duration::ZERO };
        done += ends.len() as u64;
    }
    Ok(took.as_secs_f64() * 1e9 / done as f64)
}
