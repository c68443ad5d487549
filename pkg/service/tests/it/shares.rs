//! The shares of a stop's time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use underpin_logger::testing::CaptureLogger;
use underpin_service::testing::TestService;
use underpin_service::{Component, Deadline, Ended, LifecycleSettings, Signal, Stopped};

use crate::order::{MOMENT, Recorder, journal, taken};

/// Hangs in `quiesce`, and notes how much time is left for its stop.
struct Stubborn(Arc<Mutex<Vec<Duration>>>);

#[async_trait]
impl Component for Stubborn {
    fn name(&self) -> &str {
        "stubborn"
    }

    async fn quiesce(&self) {
        std::future::pending::<()>().await;
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        self.0.lock().unwrap().push(deadline.left());
        Stopped::Clean
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_and_quiesce_that_hang_leave_the_others_their_shares() {
    let limit = Duration::from_secs(8);
    for grace in [Duration::ZERO, Duration::from_secs(4)] {
        let (log, journal, left) = (CaptureLogger::new(), journal(), Arc::default());
        let began = Mutex::new(None);
        let ended = TestService::new(())
            .lifecycle(LifecycleSettings::default().stop_within(limit).drain_grace(grace))
            .log(Arc::new(log.clone()))
            .run(
                async |start| {
                    start.plugin(Recorder::new("pool", MOMENT, &journal)).await?;
                    start.part(Recorder::new("relay", MOMENT, &journal)).await?;
                    for _ in 0..3 {
                        start.traffic(Stubborn(Arc::clone(&left)));
                        start.on_drain(async || std::future::pending().await);
                        start.on_stopped(async || std::future::pending().await);
                    }
                    Ok(())
                },
                async |service| {
                    *began.lock().unwrap() = Some(Instant::now());
                    service.signal(Signal::Terminate);
                    std::future::pending::<()>().await;
                },
            )
            .await;
        assert!(matches!(ended, Ended::Clean { cut } if cut.is_empty()));
        assert!(began.lock().unwrap().unwrap().elapsed() <= limit);
        assert_eq!(taken(&journal), ["+pool", "+relay", "-relay", "-pool"]);
        let left: Vec<Duration> = left.lock().unwrap().clone();
        // An eighth for hooks, a fifth for parts and plugins, a quarter of a second for each quiesce.
        let least = limit - grace - limit / 8 - limit / 5 - Duration::from_millis(3 * 250 + 100);
        assert!(left.len() == 3 && left.iter().all(|left| *left >= least), "{left:?} and {least:?}");
        let logged = |msg: &str| log.entries().iter().filter(|entry| entry.msg == msg).count();
        assert_eq!((logged("hook was cut off"), logged("quiesce was cut off")), (6, 3));
    }
}
