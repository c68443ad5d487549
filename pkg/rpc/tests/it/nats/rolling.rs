//! Rolling restarts under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use underpin_rpc::nats::NatsRpc;
use underpin_rpc::{Call, Caller, Host, Reply, Running, Service, handler_fn_with};
use underpin_testkit::NatsServer;

use crate::support::{LIMIT, connect, eventually, request, within};

/// Four callers that call without a pause, and what became of their calls.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    callers: JoinSet<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    answered: u64,
    /// Calls that may have run.
    ambiguous: u64,
    /// Calls that did not run.
    refused: Vec<String>,
}

impl Load {
    async fn start(server: &NatsServer) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut callers = JoinSet::new();
        for _ in 0..4 {
            let (rpc, stop, total) = (connect(server.url()).await, Arc::clone(&stop), Arc::clone(&answered));
            callers.spawn(async move {
                let mut counts = Counts::default();
                while !stop.load(Ordering::SeqCst) {
                    let one = || rpc.call(request("rolling.work", "x").within(Duration::from_secs(10)));
                    for result in futures_util::future::join_all((0..4).map(|_| one())).await {
                        match result {
                            Ok(_) => {
                                counts.answered += 1;
                                total.fetch_add(1, Ordering::SeqCst);
                            }
                            Err(error) if error.is_ambiguous() => counts.ambiguous += 1,
                            Err(error) => counts.refused.push(format!("{error:?}")),
                        }
                    }
                }
                counts
            });
        }
        Self { stop, answered, callers }
    }

    /// Waits until this many more calls were answered.
    async fn more(&self, calls: u64) {
        let before = self.answered.load(Ordering::SeqCst);
        let done = || async { self.answered.load(Ordering::SeqCst) >= before + calls };
        eventually("calls are answered", done).await;
    }

    async fn end(mut self) -> Counts {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Counts::default();
        while let Some(counts) = within("the callers end", self.callers.join_next()).await {
            let counts = counts.unwrap();
            all.answered += counts.answered;
            all.ambiguous += counts.ambiguous;
            all.refused.extend(counts.refused);
        }
        all
    }
}

/// An instance with a separate connection, like a process.
async fn instance(server: &NatsServer, ran: &Arc<AtomicU64>) -> (NatsRpc, Arc<dyn Running>) {
    let rpc = connect(server.url()).await;
    let work = handler_fn_with(Arc::clone(ran), async |ran: Arc<AtomicU64>, call: Call| {
        ran.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Reply::new(call.body().clone()))
    });
    let service = Service::new("rolling", "1.0.0").endpoint("work", work).queue(10_000);
    let running = rpc.serve(service).await.unwrap();
    (rpc, running)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_four_instances_loses_nothing() {
    let (server, ran) = (NatsServer::private().await, Arc::new(AtomicU64::new(0)));
    let mut instances = Vec::new();
    for _ in 0..4 {
        instances.push(instance(&server, &ran).await);
    }
    let load = Load::start(&server).await;
    load.more(100).await;
    for old in &mut instances {
        let next = instance(&server, &ran).await;
        let (rpc, running) = std::mem::replace(old, next);
        let outcome = running.drain(LIMIT).await;
        assert_eq!(outcome.cancelled, 0);
        within("the process ends", rpc.connection().close()).await;
        load.more(100).await;
    }
    let counts = load.end().await;
    assert!(counts.refused.is_empty() && counts.ambiguous == 0, "{counts:?}");
    assert_eq!(ran.load(Ordering::SeqCst), counts.answered, "every call ran once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_a_dying_instance_or_server_loses_are_ambiguous() {
    let (server, ran) = (NatsServer::private().await, Arc::new(AtomicU64::new(0)));
    let mut instances = Vec::new();
    for _ in 0..4 {
        instances.push(instance(&server, &ran).await);
    }
    let load = Load::start(&server).await;
    load.more(100).await;
    // An instance whose connection ends without a drain.
    let (rpc, running) = instances.swap_remove(0);
    rpc.connection().close().await;
    drop((rpc, running));
    load.more(100).await;
    server.kill().await;
    server.restart().await;
    load.more(100).await;
    let counts = load.end().await;
    // While no instance is back yet, calls are refused, which is not lost: they did not run.
    let refused = |error: &String| error.contains("NoResponders") || error.contains("Disconnected");
    assert!(counts.refused.iter().all(refused), "{counts:?}");
    let ran = ran.load(Ordering::SeqCst);
    assert!((counts.answered..=counts.answered + counts.ambiguous).contains(&ran), "{ran} ran, {counts:?}");
}
