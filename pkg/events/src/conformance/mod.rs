//! One behaviour suite for every backend: what the traits promise, as tests.
//!
//! A backend implements [`Harness`] and calls [`conformance_tests!`](crate::conformance_tests) in an integration test. Each
//! behaviour becomes a test of its own. What a backend cannot do it declares in [`Capabilities`]; the suite then checks the
//! declared alternative instead of skipping.
//!
//! # Examples
//! ```no_run
//! use std::sync::Arc;
//! use underpin_events::conformance::{Bus, Capabilities, Harness};
//! use underpin_events::memory::MemoryBus;
//!
//! struct Memory;
//!
//! #[async_trait::async_trait]
//! impl Harness for Memory {
//!     async fn start() -> Self { Memory }
//!     async fn bus(&self) -> Arc<dyn Bus> { Arc::new(MemoryBus::new()) }
//!     fn capabilities(&self) -> Capabilities { Capabilities::default() }
//! }
//!
//! underpin_events::conformance_tests!(Memory);
//! # fn main() {}
//! ```
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a suite of assertions: every function panics when its behaviour is missing"
)]

pub mod dead_letters;
pub mod delivery;
pub mod failures;
pub mod lifecycle;
pub mod ordering;
pub mod publishing;
mod recorder;

pub use recorder::{Recorder, Seen};

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Backoff, DeadLetterQueue, Event, EventPublisher, EventSubscriber, SubscribeOptions};

/// Everything a backend offers, as one object.
pub trait Bus: EventPublisher + EventSubscriber + DeadLetterQueue {}
impl<T: EventPublisher + EventSubscriber + DeadLetterQueue> Bus for T {}

/// How the suite gets at a backend.
#[async_trait]
pub trait Harness: Send + Sync + Sized {
    /// Starts whatever the backend needs, for one test.
    async fn start() -> Self;

    /// A bus without events. Called again, it returns a second client of the same bus.
    async fn bus(&self) -> Arc<dyn Bus>;

    /// What the backend can do.
    fn capabilities(&self) -> Capabilities;
}

/// What differs between backends that are all correct.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// The largest event in bytes that the bus takes; the suite publishes one that is larger.
    pub max_event_size: usize,
    /// How long a backend may need for something that should happen at once.
    pub patience: Duration,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { max_event_size: 1024 * 1024, patience: Duration::from_secs(20) }
    }
}

/// Options with short waits, so that the suite is quick.
pub fn options(name: &str) -> SubscribeOptions {
    SubscribeOptions::new(name)
        .backoff(Backoff::new(Duration::from_millis(20), Duration::from_millis(100)))
        .handler_timeout(Duration::from_secs(5))
}

/// An event of this type and subject, with its subject as data.
pub fn event(ty: &str, subject: &str) -> Event {
    Event::builder(ty, "/conformance").subject(subject).json(subject).build().expect("a valid event")
}

/// Waits for something that should happen, with a limit.
pub async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: did not happen within {limit:?}"),
    }
}

/// Asks again and again until the answer is yes, with a limit.
pub async fn eventually<F: Future<Output = bool>>(limit: Duration, what: &str, mut ask: impl FnMut() -> F) {
    within(limit, what, async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Makes one test of every behaviour for a [`Harness`].
#[macro_export]
macro_rules! conformance_tests {
    ($harness:ty) => {
        $crate::conformance_tests! { @each $harness;
            publishing::sequences_grow,
            publishing::a_repeated_id_is_a_duplicate_and_delivered_once,
            publishing::the_same_id_of_another_source_is_another_event,
            publishing::a_batch_reports_on_each_event_in_order,
            publishing::an_event_that_is_too_large_is_refused,
            publishing::a_type_that_cannot_be_a_subject_is_refused,
            delivery::an_event_arrives_unchanged,
            delivery::only_the_wanted_types_arrive,
            delivery::every_name_gets_every_event,
            delivery::one_name_shares_the_events,
            delivery::oldest_sees_history_and_next_does_not,
            delivery::a_start_sequence_is_where_it_begins,
            delivery::many_events_are_each_handled_once,
            delivery::lag_tells_what_waits,
            failures::a_retry_comes_again_after_its_delay,
            failures::attempts_end_in_a_dead_letter,
            failures::a_panic_is_a_failed_attempt_and_stops_nobody,
            failures::a_handler_that_exceeds_its_time_is_cancelled_and_retried,
            failures::a_long_handler_is_kept_alive,
            failures::retries_use_the_back_off_and_not_up_at_once,
            ordering::order_per_key_holds_through_retries,
            ordering::strict_order_holds_through_retries,
            ordering::a_failing_event_holds_up_no_other_without_order,
            lifecycle::drain_waits_for_running_handlers,
            lifecycle::drain_cancels_what_exceeds_its_limit_and_the_event_comes_again,
            lifecycle::a_name_goes_on_where_it_was,
            lifecycle::health_follows_the_subscription,
            lifecycle::dropping_the_last_handle_ends_it,
            lifecycle::invalid_options_are_refused,
            dead_letters::a_dead_letter_tells_what_and_why,
            dead_letters::a_replay_reaches_its_subscription_only,
            dead_letters::a_discarded_letter_is_gone,
            dead_letters::letters_are_listed_in_pages,
        }
    };
    (@each $harness:ty; $($module:ident :: $behaviour:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $behaviour() {
            let harness = <$harness as $crate::conformance::Harness>::start().await;
            $crate::conformance::$module::$behaviour(&harness).await;
        }
    )+};
}
