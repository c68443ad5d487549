//! pgmq's functions, installed as plain SQL by its crate: two loops that read 64 messages and delete them. There are no attempts,
//! no retries and no history.

use std::time::{Duration, Instant};

use pgmq::PGMQueueExt;
use sqlx_08::postgres::PgPoolOptions;

use crate::{AT_ONCE, CONNECTIONS, Done, called, calls, ended};

const QUEUE: &str = "bench";
/// As many as the machine has cores.
const LOOPS: usize = 2;

pub(crate) async fn burn_down(url: &str, jobs: u64) -> Done<Duration> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
    let queue = PGMQueueExt::new_with_pool(pool).await;
    queue.install_sql_from_embedded().await?;
    queue.create(QUEUE).await?;
    send(&queue, 1).await?;
    consume(&queue, 1).await?;
    send(&queue, jobs).await?;
    let start = Instant::now();
    let loops: Vec<_> = (0..LOOPS)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { consume(&queue, 1 + jobs).await })
        })
        .collect();
    for one in loops {
        one.await??;
    }
    // A message is counted when its deletion is committed.
    Ok(ended(1 + jobs, async || Ok(true)).await? - start)
}

async fn send(queue: &PGMQueueExt, jobs: u64) -> Done {
    let numbers: Vec<u64> = (0..jobs).collect();
    queue.send_batch(QUEUE, &numbers).await?;
    Ok(())
}

async fn consume(queue: &PGMQueueExt, until: u64) -> Done {
    while calls() < until {
        let messages = queue.read_batch::<u64>(QUEUE, 30, AT_ONCE.into()).await?;
        if messages.is_empty() {
            // The other loop has the rest.
            return Ok(());
        }
        let ids: Vec<i64> = messages.iter().map(|message| message.msg_id).collect();
        queue.delete_batch(QUEUE, &ids).await?;
        ids.iter().for_each(|_| called());
    }
    Ok(())
}
