use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use underpin_database::{Connections, DatabaseError, Transaction};
use underpin_errors::Report;
use underpin_events::{Delivery, Event, EventHandler, Outcome};

use super::apply::Inbox;

impl Inbox {
    /// An [`EventHandler`] whose database effects happen once: `work` runs as in [`Inbox::once`].
    ///
    /// Applied, now or before, is an [`Outcome::Ack`]; an error is an [`Outcome::Retry`] with its text as the reason, so
    /// that the subscription's attempts and dead letters apply. Use [`Inbox::once`] in your own handler to decide otherwise.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use underpin_database::{Database, DatabaseError, DatabaseSettings, Executor, connect, sql};
    /// # use underpin_events::{Delivery, Event};
    /// use underpin_outbox::Inbox;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
    /// # pool.execute(sql("CREATE TABLE seen (id TEXT)", [])).await?;
    /// # let inbox = Inbox::default();
    /// # inbox.migrate(&pool).await?;
    /// let handler = inbox.handler(Arc::new(pool.clone()), "seen", |tx, event| async move {
    ///     tx.execute(sql("INSERT INTO seen VALUES ($1)", [event.id().into()])).await?;
    ///     Ok::<_, DatabaseError>(())
    /// });
    /// let event = Event::builder("order.placed", "/orders").build()?;
    /// assert!(handler.handle(Delivery::new(event.clone())).await.is_ack());
    /// assert!(handler.handle(Delivery::new(event)).await.is_ack());
    /// # let row = pool.query_one(sql("SELECT count(*) FROM seen", [])).await?.unwrap();
    /// # assert_eq!(row.try_get_by_index::<i64>(0)?, 1);
    /// # Ok(()) }
    /// ```
    pub fn handler<E, F, Fut>(
        &self,
        database: Arc<dyn Connections>,
        consumer: impl Into<String>,
        work: F,
    ) -> Arc<dyn EventHandler>
    where
        E: std::error::Error + From<DatabaseError> + Send + 'static,
        F: Fn(Transaction, Arc<Event>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        Arc::new(InboxHandler { inbox: self.clone(), database, consumer: consumer.into(), work })
    }

    /// [`Inbox::handler`] with state, which each call receives as a clone: `work` may be an async closure or a function.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use underpin_database::{DatabaseError, DatabaseSettings, Executor, Transaction, connect, sql};
    /// # use underpin_events::{Delivery, Event};
    /// use underpin_outbox::Inbox;
    ///
    /// struct Stats { table: &'static str }
    ///
    /// async fn count(stats: Arc<Stats>, tx: Transaction, _: Arc<Event>) -> Result<(), DatabaseError> {
    ///     tx.execute(sql(&format!("UPDATE {} SET n = n + 1", stats.table), [])).await?;
    ///     Ok(())
    /// }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
    /// # pool.batch("CREATE TABLE stats (n INTEGER); INSERT INTO stats VALUES (0)").await?;
    /// # let inbox = Inbox::default();
    /// # inbox.migrate(&pool).await?;
    /// let handler = inbox.handler_with(Arc::new(Stats { table: "stats" }), Arc::new(pool.clone()), "stats", count);
    /// let event = Event::builder("order.placed", "/orders").build()?;
    /// assert!(handler.handle(Delivery::new(event.clone())).await.is_ack());
    /// assert!(handler.handle(Delivery::new(event)).await.is_ack());
    /// # let row = pool.query_one(sql("SELECT n FROM stats", [])).await?.unwrap();
    /// # assert_eq!(row.try_get_by_index::<i64>(0)?, 1);
    /// # Ok(()) }
    /// ```
    pub fn handler_with<S, E, F, Fut>(
        &self,
        state: S,
        database: Arc<dyn Connections>,
        consumer: impl Into<String>,
        work: F,
    ) -> Arc<dyn EventHandler>
    where
        S: Clone + Send + Sync + 'static,
        E: std::error::Error + From<DatabaseError> + Send + 'static,
        F: Fn(S, Transaction, Arc<Event>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.handler(database, consumer, move |tx, event| work(state.clone(), tx, event))
    }
}

struct InboxHandler<F> {
    inbox: Inbox,
    database: Arc<dyn Connections>,
    consumer: String,
    work: F,
}

#[async_trait]
impl<E, F, Fut> EventHandler for InboxHandler<F>
where
    E: std::error::Error + From<DatabaseError> + Send + 'static,
    F: Fn(Transaction, Arc<Event>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
{
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let event = Arc::new(delivery.into_event());
        let work = |tx| (self.work)(tx, Arc::clone(&event));
        match self.inbox.once(&*self.database, &self.consumer, &event, work).await {
            Ok(_) => Outcome::ack(),
            Err(error) => Outcome::retry(Report(&error).to_string()),
        }
    }
}
