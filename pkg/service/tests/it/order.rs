//! The order of start and stop, and who pays for a component that hangs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use underpin_errors::{Error, Health, HealthCheck};
use underpin_logger::testing::CaptureLogger;
use underpin_service::testing::TestService;
use underpin_service::{
    Component, Deadline, Ended, LifecycleSettings, ServiceState, Signal, Stopped, part_fn,
};

/// What happened, in order.
pub(crate) type Journal = Arc<Mutex<Vec<String>>>;

/// A component that records what is done to it; its stop takes a while.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) name: String,
    pub(crate) takes: Duration,
    pub(crate) journal: Journal,
}

impl Recorder {
    pub(crate) fn new(name: impl Into<String>, takes: Duration, journal: &Journal) -> Self {
        Self { name: name.into(), takes, journal: Arc::clone(journal) }
    }

    pub(crate) fn note(&self, what: &str) {
        self.journal.lock().unwrap().push(format!("{what}{}", self.name));
    }
}

#[async_trait]
impl Component for Recorder {
    fn name(&self) -> &str {
        &self.name
    }

    async fn start(&self) -> Result<(), Error> {
        self.note("+");
        Ok(())
    }

    async fn quiesce(&self) {
        self.note("~");
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        let done = deadline.run(tokio::time::sleep(self.takes)).await;
        self.note("-");
        if done.is_some() { Stopped::Clean } else { Stopped::cut("2 requests") }
    }
}

pub(crate) fn journal() -> Journal {
    Arc::default()
}

pub(crate) fn taken(journal: &Journal) -> Vec<String> {
    std::mem::take(&mut journal.lock().unwrap())
}

pub(crate) const MOMENT: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn traffic_stops_first_then_parts_then_plugins_each_reversed() {
    let journal = journal();
    let new = |name: &str| Recorder::new(name, MOMENT, &journal);
    let ended = TestService::new(())
        .run(
            async |start| {
                start.plugin(new("pool")).await?;
                start.plugin(new("bus")).await?;
                start.part(new("relay")).await?;
                start.part(new("sweeper")).await?;
                start.traffic(new("http"));
                start.traffic(new("consumer"));
                // Not `Send`, and held over an await.
                let not_send = std::rc::Rc::new(());
                tokio::time::sleep(MOMENT).await;
                drop(not_send);
                Ok(())
            },
            async |service| assert_eq!(service.state(), ServiceState::Ready),
        )
        .await;
    assert!(matches!(ended, Ended::Clean { cut } if cut.is_empty()));
    let mut seen = taken(&journal);
    // The traffic stops at once: either may be done first.
    seen[8..10].sort();
    assert_eq!(
        seen,
        [
            "+pool",
            "+bus",
            "+relay",
            "+sweeper",
            "+http",
            "+consumer",
            "~consumer",
            "~http",
            "-consumer",
            "-http",
            "-sweeper",
            "-relay",
            "-bus",
            "-pool"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_component_that_hangs_costs_its_own_share_and_is_named() {
    let journal = journal();
    let began = Instant::now();
    let ended = TestService::new(())
        .lifecycle(LifecycleSettings::default().stop_within(Duration::from_secs(10)))
        .run(
            async |start| {
                start.plugin(Recorder::new("pool", Duration::from_millis(500), &journal)).await?;
                start.part(part_fn("stuck", |_| std::future::pending())).await?;
                start.part(part_fn("broken", |_| async { panic!("no way") })).await?;
                start.traffic(Recorder::new("http", Duration::from_secs(600), &journal));
                Ok(())
            },
            async |_| (),
        )
        .await;
    let Ended::Clean { cut } = ended else { panic!("{ended:?}") };
    assert_eq!(cut, ["http: 2 requests", "broken: panicked", "stuck: overran its deadline"]);
    assert_eq!(taken(&journal), ["+pool", "+http", "~http", "-http", "-pool"]);
    assert!(began.elapsed() <= Duration::from_millis(10_100), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_grace_keeps_accepting_for_sigterm_and_is_skipped_for_sigint() {
    for (signal, grace) in [(Signal::Terminate, Duration::from_secs(5)), (Signal::Interrupt, Duration::ZERO)]
    {
        let (asked, quiesced) = (Mutex::new(None), Arc::new(Mutex::new(None)));
        let (seen, drained) = (Arc::clone(&quiesced), Arc::new(Mutex::new(None)));
        let hook = Arc::clone(&drained);
        let ended = TestService::new(())
            .lifecycle(LifecycleSettings::default().drain_grace(Duration::from_secs(5)))
            .run(
                async move |start| {
                    start.traffic(OnQuiesce(seen));
                    let gate = start.gate();
                    start.on_drain(async move || *hook.lock().unwrap() = Some(gate.state()));
                    Ok(())
                },
                async |service| {
                    *asked.lock().unwrap() = Some(Instant::now());
                    service.signal(signal);
                    std::future::pending::<()>().await;
                },
            )
            .await;
        assert!(matches!(ended, Ended::Clean { .. }));
        let waited = quiesced.lock().unwrap().unwrap() - asked.lock().unwrap().unwrap();
        assert_eq!(waited.as_secs(), grace.as_secs(), "{signal:?}");
        assert_eq!(*drained.lock().unwrap(), Some(ServiceState::Draining));
    }
}

/// Notes when it is quiesced.
struct OnQuiesce(Arc<Mutex<Option<Instant>>>);

#[async_trait]
impl Component for OnQuiesce {
    fn name(&self) -> &str {
        "http"
    }

    async fn quiesce(&self) {
        *self.0.lock().unwrap() = Some(Instant::now());
    }

    async fn stop(&self, _: Deadline) -> Stopped {
        Stopped::Clean
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_the_stop_at_once() {
    let began = Instant::now();
    let ended = TestService::new(())
        .run(
            async |start| {
                start.part(part_fn("stuck", |_| std::future::pending())).await?;
                Ok(())
            },
            async |service| {
                let signals = service.signals();
                tokio::spawn(async move {
                    tokio::time::sleep(MOMENT).await;
                    signals.send(Signal::Terminate).unwrap();
                });
                service.signal(Signal::Interrupt);
                std::future::pending::<()>().await;
            },
        )
        .await;
    assert!(matches!(ended, Ended::AtOnce(Signal::Terminate)));
    assert!(began.elapsed() < Duration::from_millis(100));
}

/// Down until it is told otherwise.
struct Switch(&'static str, Mutex<bool>);

#[async_trait]
impl HealthCheck for Switch {
    fn name(&self) -> &str {
        self.0
    }

    async fn check(&self) -> Health {
        if *self.1.lock().unwrap() { Health::up() } else { Health::down("no route to host") }
    }
}

#[tokio::test(start_paused = true)]
async fn traffic_waits_for_required_checks_and_the_error_names_what_is_missing() {
    let journal = journal();
    let log = CaptureLogger::new();
    let limited = LifecycleSettings::default().start_within(Duration::from_secs(3));
    let ended = TestService::new(())
        .lifecycle(limited.clone())
        .log(Arc::new(log.clone()))
        .run(
            async |start| {
                start.plugin(Recorder::new("pool", MOMENT, &journal)).await?;
                start.traffic(Recorder::new("http", MOMENT, &journal));
                start.require(Arc::new(Switch("payments", Mutex::new(false))));
                start.observe(Arc::new(Switch("mail", Mutex::new(false))));
                Ok(())
            },
            async |_| panic!("never ready"),
        )
        .await;
    let Ended::Failed { error, .. } = ended else { panic!("{ended:?}") };
    let text = underpin_errors::Report(&error).to_string();
    assert!(text.contains("payments (no route to host)") && text.contains("start_within"), "{text}");
    assert!(text.contains("mail") == text.contains("mail (no route"), "{text}");
    assert_eq!(taken(&journal), ["+pool", "-pool"]);

    let switch = Arc::new(Switch("payments", Mutex::new(false)));
    let later = Arc::clone(&switch);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        *later.1.lock().unwrap() = true;
    });
    let ended = TestService::new(())
        .lifecycle(limited)
        .run(
            async |start| {
                start.traffic(Recorder::new("http", MOMENT, &journal));
                start.require(switch);
                Ok(())
            },
            async |_| (),
        )
        .await;
    assert!(matches!(ended, Ended::Clean { .. }));
    assert_eq!(taken(&journal), ["+http", "~http", "-http"]);
}
