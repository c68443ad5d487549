use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::store::{Claim, ClaimKind, Claimed, NewJob, Store};

/// A store under test.
#[async_trait]
pub trait Harness: Send + Sync + Sized {
    /// A fresh store with its tables.
    async fn start() -> Self;

    /// The store.
    fn store(&self) -> Arc<dyn Store>;

    /// Lets so much time pass for the store: due times, leases, windows of unique keys, history.
    async fn pass(&self, by: Duration);
}

/// The lease of the suite.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// A job of kind `work` in queue `main`.
pub fn job(payload: &str) -> NewJob {
    NewJob::new("work", "main", payload)
}

/// Claims so many jobs of kind `work` in queue `main`.
pub async fn claim(store: &dyn Store, most: usize) -> Vec<Claimed> {
    let kinds = vec![ClaimKind::new("main", most, "work", 1)];
    store.claim(&Claim::new(kinds, LEASE, "suite")).await.expect("claim")
}

/// The payloads of all jobs of kind `work` that are due, in the order of the claim.
pub async fn claim_all(store: &dyn Store) -> Vec<String> {
    claim(store, 1000).await.into_iter().map(|claimed| claimed.payload).collect()
}

/// Inserts one job and claims it.
pub(super) async fn claimed(store: &dyn Store, job: NewJob) -> Claimed {
    store.insert(&[job]).await.expect("insert");
    claim(store, 1).await.pop().expect("it is due")
}
