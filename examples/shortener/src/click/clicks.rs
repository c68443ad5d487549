//! Publishes clicks.

use std::sync::Arc;
use std::time::Duration;

use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_events::EventPublisher;
use underpin_logger::{Context, Logger, warn};

use super::LinkClicked;
use crate::link::Link;

/// How long a visitor waits for the bus.
const PATIENCE: Duration = Duration::from_secs(1);

/// Publishes clicks straight to the bus: a redirect changes no row, so it needs no outbox, and goes on while the database is away.
pub(crate) struct Clicks {
    publisher: Arc<dyn EventPublisher>,
    log: Arc<dyn Logger>,
}

impl Clicks {
    pub(crate) fn new(publisher: Arc<dyn EventPublisher>, log: Arc<dyn Logger>) -> Self {
        Self { publisher, log }
    }

    /// Returns once the bus has stored the click. One that it does not store is logged and not counted: the visitor wants to get on.
    pub(crate) async fn record(&self, ctx: &Context, link: &Link) {
        let published = tokio::time::timeout(PATIENCE, self.publish(ctx, link)).await;
        let late = |_| Err(Error::timeout("the bus did not store the click in time"));
        if let Err(error) = published.unwrap_or_else(late) {
            warn!(self.log, ctx, &error, "click not counted", short_code = link.code.as_str());
        }
    }

    async fn publish(&self, ctx: &Context, link: &Link) -> Result<(), Error> {
        let event = LinkClicked::event(link, ctx).wrap_err(Kind::Internal, "describe the click")?;
        self.publisher.publish(event).await?;
        Ok(())
    }
}
