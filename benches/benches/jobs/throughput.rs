//! Burning down a backlog.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use underpin_jobs::Job;
use underpin_testkit::PostgresDatabase;

use super::peers::{Peer, all};
use super::stage::{Noop, Stage, Unkept};
use super::{Contender, Done, compare, number};

/// Each contender in an empty database of one server, from the commit of the jobs to the commit of the last end.
pub(crate) fn measure(runtime: &Runtime) -> Done {
    let (jobs, rounds) = (number("JOBS_COUNT", 20_000)?, number("JOBS_ROUNDS", 5)?);
    let peers = all()?;
    let each = move |took: Duration, jobs: u64| took.as_secs_f64() * 1e9 / jobs as f64;
    let mut contenders: Vec<Contender<'_>> = vec![
        ("underpin", Box::new(move || Ok(each(runtime.block_on(burn_down::<Noop>(jobs))?, jobs)))),
        (
            "underpin, without history",
            Box::new(move || Ok(each(runtime.block_on(burn_down::<Unkept>(jobs))?, jobs))),
        ),
    ];
    for peer in &peers {
        // Slow peers get fewer jobs, which takes as long.
        let jobs = jobs / peer.share;
        contenders.push((peer.name, Box::new(move || Ok(each(runtime.block_on(by(peer, jobs))?, jobs)))));
    }
    compare("burning down no-op jobs, 64 at once", "job", rounds, contenders)
}

async fn burn_down<J: Job + From<u64>>(jobs: u64) -> Done<Duration> {
    let stage = Stage::set().await?;
    let working = stage.work::<J>()?;
    stage.enqueue::<J>(1).await?;
    stage.until_ended(&working, 1).await?;
    stage.enqueue::<J>(jobs).await?;
    let start = Instant::now();
    stage.until_ended(&working, 1 + jobs).await?;
    let took = start.elapsed();
    working.stop().await?;
    Ok(took)
}

async fn by(peer: &Peer, jobs: u64) -> Done<Duration> {
    let database = PostgresDatabase::fresh().await;
    peer.burn_down(database.url(), jobs)
}
