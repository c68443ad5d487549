use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use underpin_database::wake::PollBackoff;
use underpin_logger::{Context, warn};

use super::shared::Shared;
use crate::store::{Finished, Verdict};
use crate::{RunId, meters};

/// Ends that one statement commits.
const GROUP: usize = 256;

/// The end of one attempt: what is to be written to the store, if it still has its job.
pub(super) type Ended = (RunId, Option<Finished>);

/// Commits the ends of attempts in groups: what comes in during one commit goes into the next. Ends when all senders are gone.
///
/// Nothing is given up while the store fails: an end that comes too late is refused by its fencing token.
pub(super) async fn complete(shared: Arc<Shared>, mut ends: mpsc::UnboundedReceiver<Ended>) {
    let mut group = Vec::with_capacity(GROUP);
    while ends.recv_many(&mut group, GROUP).await > 0 {
        // Attempts that end in this very moment come along.
        tokio::task::yield_now().await;
        let room = GROUP - group.len();
        ends.recv_many(&mut group, room).now_or_never();
        let gone: Vec<RunId> = group.iter().map(|(run, _)| *run).collect();
        let results: Vec<Finished> = group.drain(..).filter_map(|(_, finished)| finished).collect();
        if !results.is_empty() {
            finish(&shared, &results).await;
        }
        shared.in_flight.end(gone);
    }
}

async fn finish(shared: &Shared, results: &[Finished]) {
    let mut retry = PollBackoff::new(Duration::from_secs(2));
    let report = loop {
        match shared.store.finish(results).await {
            Ok(report) => break report,
            Err(error) => {
                shared.failed("cannot finish jobs, trying again", &error);
                tokio::time::sleep(retry.found_nothing()).await;
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
            shared.runner.log,
            &Context::background(),
            "attempts ended after they had lost their jobs",
            attempts = stale
        );
    }
}
