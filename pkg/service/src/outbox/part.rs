use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use underpin_database::Pool;
use underpin_errors::{Error, Health, HealthCheck, ResultExt as _};
use underpin_logger::{Context, Logger, info};
use underpin_outbox::{Inbox, InboxSweeper, Outbox, OutboxLag, Relay, RelayDrain, RelaySettings};

use crate::events::Unfinished;
use crate::{Bus, Component, Deadline, Stopped};

/// The pause between two looks at the outbox.
const PAUSE: Duration = Duration::from_millis(10);

/// How long the oldest waiting event may be the same one before the bus counts as down.
const PATIENCE: Duration = Duration::from_secs(1);

/// The relay and the sweeper of the inbox, started and stopped together.
pub(super) struct OutboxPart {
    outbox: Outbox,
    inbox: Inbox,
    database: Pool,
    bus: Bus,
    settings: RelaySettings,
    log: Arc<dyn Logger>,
    running: Arc<OutboxTasks>,
}

#[derive(Default)]
struct OutboxTasks {
    tasks: OnceLock<(Relay, InboxSweeper)>,
}

impl OutboxPart {
    pub(super) fn new(
        outbox: Outbox,
        inbox: Inbox,
        database: Pool,
        bus: Bus,
        settings: RelaySettings,
        log: Arc<dyn Logger>,
    ) -> Self {
        Self { outbox, inbox, database, bus, settings, log, running: Arc::default() }
    }

    /// Waits until the relay has published what was written before, or gets no further.
    async fn published(&self, deadline: Deadline) {
        let began = Instant::now();
        let mut head = Head { born: None, since: began };
        while let Some(Ok(lag)) = deadline.run(self.outbox.lag(&self.database)).await {
            // What is younger than this wait was written by another process, which has a relay as well.
            if lag.waiting == 0 || lag.oldest + PAUSE < began.elapsed() || head.is_stuck(&lag) {
                return;
            }
            if deadline.run(tokio::time::sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    }
}

/// The oldest waiting event, known by the moment at which it was written.
struct Head {
    born: Option<Instant>,
    since: Instant,
}

impl Head {
    fn is_stuck(&mut self, lag: &OutboxLag) -> bool {
        let now = Instant::now();
        let born = now.checked_sub(lag.oldest);
        let gap = |before: Instant, now: Instant| {
            now.saturating_duration_since(before).max(before.saturating_duration_since(now))
        };
        let is_same = born.zip(self.born).is_some_and(|(born, before)| gap(before, born) < PAUSE / 2);
        if !is_same {
            (self.born, self.since) = (born, now);
        }
        now.saturating_duration_since(self.since) >= PATIENCE
    }
}

#[async_trait]
impl Component for OutboxPart {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "outbox"
    }

    async fn start(&self) -> Result<(), Error> {
        let (publisher, log) = (self.bus.publisher(), Arc::clone(&self.log));
        let relay = Relay::start(&self.outbox, &self.database, publisher, self.settings.clone(), log);
        let relay = relay.context("start the relay")?;
        let sweeper = self.inbox.start_sweeper(Arc::new(self.database.clone()), Arc::clone(&self.log));
        // Started once.
        let _again = self.running.tasks.set((relay, sweeper));
        Ok(())
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        let Some((relay, sweeper)) = self.running.tasks.get() else { return Stopped::Clean };
        self.published(deadline.at_most(deadline.left() / 2)).await;
        let drained = relay.drain(deadline.left()).await == RelayDrain::Drained;
        sweeper.close().await;
        let left = deadline.run(self.bus.backlog().read()).await;
        let Unfinished { in_outbox, on_bus } = left.unwrap_or(Unfinished { in_outbox: None, on_bus: None });
        info!(
            self.log,
            &Context::background(),
            "events drained",
            drained,
            events_in_outbox = in_outbox,
            events_on_bus = on_bus
        );
        if drained { Stopped::Clean } else { Stopped::cut("publishes in flight, which are repeated") }
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        Some(Arc::clone(&self.running) as Arc<dyn HealthCheck>)
    }

    fn is_required(&self) -> bool {
        false
    }
}

#[async_trait]
impl HealthCheck for OutboxTasks {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "outbox"
    }

    async fn check(&self) -> Health {
        match self.tasks.get() {
            Some((relay, _)) => relay.check().await,
            None => Health::degraded("the relay has not started"),
        }
    }
}
