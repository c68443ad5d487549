use underpin_logger::{Context, debug};

use super::connections::Connections;
use crate::{Condition, DatabaseError, Transaction, TxOptions};

/// Runs `work` in a transaction and commits, again from the start where that is known to do no harm.
pub(crate) async fn run<D, T, E, F, Fut>(database: &D, options: TxOptions, mut work: F) -> Result<T, E>
where
    D: Connections + ?Sized,
    E: From<DatabaseError> + Send,
    T: Send,
    F: FnMut(Transaction) -> Fut + Send,
    Fut: Future<Output = Result<T, E>> + Send,
{
    let mut retry = 0;
    loop {
        let last = retry >= options.retries().max_retries;
        let (log, reason) = {
            match database.begin(options.clone()).await {
                Ok(mut tx) => {
                    tx.is_attempt(retry + 1);
                    let log = std::sync::Arc::clone(&tx.inner().pool().log);
                    match in_context(tx.span_context(), work(tx.lend())).await {
                        Ok(value) => match tx.commit().await {
                            Ok(()) => return Ok(value),
                            Err(error) if !last && error.is_retryable() => (Some(log), error.condition()),
                            Err(error) => return Err(error.into()),
                        },
                        Err(error) => {
                            let failure = tx.failure().await;
                            // The caller's error is what matters; a rollback that fails leaves it to the pool.
                            drop(tx.rollback().await);
                            match failure {
                                Some(condition) if !last && condition.is_retryable() => {
                                    (Some(log), condition)
                                }
                                _ => return Err(error),
                            }
                        }
                    }
                }
                // A SQLite file that another process writes to. What else BEGIN waits for, the pool has waited for.
                Err(busy) if !last && busy.condition() == Condition::Conflict => (None, busy.condition()),
                Err(error) => return Err(error.into()),
            }
        };
        let pause = options.retries().pause(retry);
        retry += 1;
        if let Some(log) = log {
            debug!(log, &Context::current(), "transaction runs again", retry, reason = %reason, pause);
        }
        tokio::time::sleep(pause).await;
    }
}

/// Runs what belongs to a transaction in the context of its span, if that is recorded.
async fn in_context<F: Future>(ctx: Option<&Context>, work: F) -> F::Output {
    match ctx {
        Some(ctx) => ctx.scope(work).await,
        None => work.await,
    }
}

/// What makes the closure run again lies in the condition alone; see [`Condition::is_retryable`].
const _: () = assert!(Condition::Conflict.is_retryable() && !Condition::Ambiguous.is_retryable());
