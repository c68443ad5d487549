//! One behaviour suite for every store: what the traits of [`store`](crate::store) promise, as tests.
//!
//! A store implements [`Harness`] and calls [`conformance_tests!`](crate::conformance_tests) in an integration test.
//!
//! # Examples
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//! use underpin_jobs::conformance::Harness;
//! use underpin_jobs::store::{MemoryJobStore, Store};
//!
//! struct Memory(Arc<MemoryJobStore>);
//!
//! #[async_trait::async_trait]
//! impl Harness for Memory {
//!     async fn start() -> Self { Memory(Arc::default()) }
//!     fn store(&self) -> Arc<dyn Store> { self.0.clone() }
//!     async fn pass(&self, by: Duration) { self.0.advance(by) }
//! }
//!
//! underpin_jobs::conformance_tests!(Memory);
//! # fn main() {}
//! ```
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a suite of assertions: every function panics when its behaviour is missing"
)]

pub mod admin;
pub mod claims;
pub mod ends;
mod harness;
pub mod rescue;
pub mod ticks;
pub mod unique;

pub use harness::{Harness, claim, claim_all, job};

/// Makes a test of each behaviour, for one harness.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:ty) => {
        $crate::conformance_tests!(@ $harness,
            claims: [in_the_order_of_ranks, only_what_is_asked_for, limits_hold, scheduled_jobs_wait, tokens_grow,
                paused_queues_give_nothing, concurrent_claims_share],
            ends: [done, retried, snoozed, given_back, dead, cancelled, completed_in_a_transaction, stale_ends_change_nothing,
                history_by_policy, cancel_beats_retry],
            rescue: [lost_jobs_come_back, poison_dies, unknown_kinds_stay, heartbeats_keep, progress_never_falls],
            unique: [until_finished, until_started, windows, keys_are_of_a_kind],
            admin: [lists_are_pages, cancels_say_what_they_did, dead_jobs_are_replayed_or_discarded, queues_are_counted,
                old_history_is_swept],
            ticks: [a_tick_fires_once, paused_and_foreign_entries_do_not_fire, a_new_schedule_begins_again]
        );
    };
    (@ $harness:ty, $($module:ident: [$($name:ident),+]),+) => {$(
        mod $module {
            #[allow(unused_imports, reason = "the harness may be a type of the prelude")]
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let harness = <$harness as $crate::conformance::Harness>::start().await;
                    $crate::conformance::$module::$name(&harness).await;
                }
            )+
        }
    )+};
}
