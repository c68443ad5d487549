use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use underpin_logger::{Context, warn};

use super::shared::Shared;
use crate::store::{Finished, Verdict};
use crate::{RunId, meters};

/// Ends that one statement commits.
const GROUP: usize = 256;

/// The end of one attempt, to be written to the store.
pub(super) enum Ended {
    Finished(Finished),
    /// Nothing is to be written: the job was lost.
    Lost(RunId),
}

/// Commits the ends of attempts in groups: what comes in during one commit goes into the next. Ends when all senders are gone.
///
/// Nothing is given up while the store fails: an end that comes too late is refused by its fencing token.
pub(super) async fn complete(shared: Arc<Shared>, mut ends: mpsc::UnboundedReceiver<Ended>) {
    let mut group = Vec::with_capacity(GROUP);
    while ends.recv_many(&mut group, GROUP).await > 0 {
        // Attempts that end in this very moment come along.
        tokio::task::yield_now().await;
        while group.len() < GROUP {
            let Ok(end) = ends.try_recv() else { break };
            group.push(end);
        }
        let (mut results, mut gone) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
        for end in group.drain(..) {
            match end {
                Ended::Finished(result) => {
                    gone.push(result.run);
                    results.push(result);
                }
                Ended::Lost(run) => gone.push(run),
            }
        }
        if !results.is_empty() {
            finish(&shared, &results).await;
        }
        shared.in_flight.end(gone);
    }
}

async fn finish(shared: &Shared, results: &[Finished]) {
    let mut pause = Duration::from_millis(50);
    let report = loop {
        match shared.store.finish(results).await {
            Ok(report) => break report,
            Err(error) => {
                shared.failed("cannot finish jobs, trying again", &error);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
        }
    };
    shared.recovered();
    // A job that was given back in time and taken by another process is no surprise.
    let is_news = |run: &&RunId| {
        results.iter().any(|result| result.run == **run && !matches!(result.verdict, Verdict::GiveBack))
    };
    let stale = report.stale.iter().filter(is_news).count();
    if stale > 0 {
        meters::stale(stale);
        warn!(
            shared.log,
            &Context::background(),
            "attempts ended after they had lost their jobs",
            attempts = stale
        );
    }
}
