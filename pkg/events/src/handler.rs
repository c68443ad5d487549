use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::Report;

use crate::{Delivery, Outcome, TypedEvent};

/// Handles the events of a subscription.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use async_trait::async_trait;
/// use underpin_events::{Delivery, Event, EventHandler, Outcome};
///
/// struct Mailer;
///
/// #[async_trait]
/// impl EventHandler for Mailer {
///     async fn handle(&self, delivery: Delivery) -> Outcome {
///         match delivery.event().subject() {
///             Some(_order) => Outcome::ack(),
///             None => Outcome::dead_letter("an order without a number"), // it never will have one
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A handler needs no bus to be tested.
/// let mailer: Arc<dyn EventHandler> = Arc::new(Mailer);
/// let event = Event::builder("order.placed", "/orders").subject("42").build()?;
/// assert!(mailer.handle(Delivery::new(event)).await.is_ack());
/// # Ok(()) }
/// ```
#[async_trait]
pub trait EventHandler: Send + Sync + 'static {
    /// Handles one delivery and returns its outcome.
    ///
    /// Ordering: as the subscription's order says; without order, calls run concurrently. Idempotency: the same event can
    /// come again, after a retry, a lost acknowledgement or a crash. Retries: what [`Outcome`] asks for; a panic and a
    /// timeout count as a retry.
    ///
    /// A handler that blocks its thread cannot be cancelled; hand such work to `tokio::task::spawn_blocking`.
    ///
    /// # Cancel safety
    /// The future is dropped at its next await when it exceeds the handler timeout, and when a drain runs out of time:
    /// leave nothing half done across an await, or put it into a transaction.
    async fn handle(&self, delivery: Delivery) -> Outcome;
}

const _: fn(&dyn EventHandler) = |_| ();

/// A shared handler is a handler, `Arc<dyn EventHandler>` included.
#[async_trait]
impl<H: EventHandler + ?Sized> EventHandler for Arc<H> {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        (**self).handle(delivery).await
    }
}

/// A handler out of an async closure.
///
/// # Examples
/// ```
/// use underpin_events::{Delivery, EventHandler, Outcome, handler_fn};
///
/// let handler = handler_fn(|delivery: Delivery| async move {
///     println!("{}", delivery.event().ty());
///     Outcome::ack()
/// });
/// # let _: std::sync::Arc<dyn EventHandler> = handler;
/// ```
pub fn handler_fn<F, Fut>(handle: F) -> Arc<dyn EventHandler>
where
    F: Fn(Delivery) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    Arc::new(Closure(handle))
}

/// [`handler_fn`] with state, which each call receives as a clone: an async closure that captures its state is not accepted
/// there, one that takes it as its first argument is accepted here.
///
/// # Examples
/// ```
/// use std::sync::{Arc, Mutex};
/// use underpin_events::{Delivery, Event, Outcome, handler_fn_with};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let handler = handler_fn_with(Arc::clone(&seen), async |seen: Arc<Mutex<Vec<String>>>, delivery: Delivery| {
///     seen.lock().unwrap().push(delivery.event().ty().to_owned());
///     Outcome::ack()
/// });
/// assert!(handler.handle(Delivery::new(Event::builder("order.placed", "/orders").build()?)).await.is_ack());
/// assert_eq!(*seen.lock().unwrap(), ["order.placed"]);
/// # Ok(()) }
/// ```
pub fn handler_fn_with<S, F, Fut>(state: S, handle: F) -> Arc<dyn EventHandler>
where
    S: Clone + Send + Sync + 'static,
    F: Fn(S, Delivery) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    handler_fn(move |delivery| handle(state.clone(), delivery))
}

/// A handler of one typed event: an event of another type, or whose payload does not fit, becomes a dead letter.
///
/// # Examples
/// ```
/// use serde::{Deserialize, Serialize};
/// use underpin_events::{Delivery, Event, EventHandler, Outcome, TypedEvent, typed_handler};
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderPlaced { total_cents: u64 }
/// impl TypedEvent for OrderPlaced {
///     const TYPE: &'static str = "order.placed";
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let handler = typed_handler(|placed: OrderPlaced, _: Delivery| async move {
///     if placed.total_cents > 0 { Outcome::ack() } else { Outcome::dead_letter("an order for nothing") }
/// });
/// let event = Event::typed("/orders", &OrderPlaced { total_cents: 700 }).build()?;
/// assert!(handler.handle(Delivery::new(event)).await.is_ack());
///
/// let other = Event::builder("order.cancelled", "/orders").build()?;
/// assert!(!handler.handle(Delivery::new(other)).await.is_ack());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn typed_handler<T, F, Fut>(handle: F) -> Arc<dyn EventHandler>
where
    T: TypedEvent,
    F: Fn(T, Delivery) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    handler_fn(move |delivery: Delivery| {
        let called = match delivery.event().decode::<T>() {
            Ok(payload) => Ok(handle(payload, delivery)),
            Err(error) => Err(Outcome::dead_letter(Report(&error).to_string())),
        };
        async move {
            match called {
                Ok(outcome) => outcome.await,
                Err(undecodable) => undecodable,
            }
        }
    })
}

/// [`typed_handler`] with state, which each call receives as a clone.
///
/// # Examples
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use serde::{Deserialize, Serialize};
/// use underpin_events::{Delivery, Event, Outcome, TypedEvent, typed_handler_with};
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderPlaced { total_cents: u64 }
/// impl TypedEvent for OrderPlaced {
///     const TYPE: &'static str = "order.placed";
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sum = Arc::new(AtomicU64::new(0));
/// let handler = typed_handler_with(Arc::clone(&sum), async |sum: Arc<AtomicU64>, placed: OrderPlaced, _: Delivery| {
///     sum.fetch_add(placed.total_cents, Ordering::Relaxed);
///     Outcome::ack()
/// });
/// let event = Event::typed("/orders", &OrderPlaced { total_cents: 700 }).build()?;
/// assert!(handler.handle(Delivery::new(event)).await.is_ack());
/// assert_eq!(sum.load(Ordering::Relaxed), 700);
/// # Ok(()) }
/// ```
pub fn typed_handler_with<S, T, F, Fut>(state: S, handle: F) -> Arc<dyn EventHandler>
where
    S: Clone + Send + Sync + 'static,
    T: TypedEvent,
    F: Fn(S, T, Delivery) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    typed_handler(move |payload, delivery| handle(state.clone(), payload, delivery))
}

struct Closure<F>(F);

#[async_trait]
impl<F, Fut> EventHandler for Closure<F>
where
    F: Fn(Delivery) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    async fn handle(&self, delivery: Delivery) -> Outcome {
        (self.0)(delivery).await
    }
}
