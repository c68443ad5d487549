//! How faults are done to processes, servers and connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;
use underpin_errors::BoxError;
use underpin_testkit::{Direction, Fault as NetworkFault, NatsServer, Proxy};

use super::fault::{Fault, FaultKind};
use super::random::Random;
use crate::process::{WorkerProcess, WorkerTask};

/// Workers by name.
pub(crate) type Workers<T> = BTreeMap<&'static str, Arc<Mutex<WorkerProcess<T>>>>;

/// Kills or freezes a worker, and heals it. It is locked meanwhile, so that [`restart_ended`] does not count it.
pub(crate) async fn into_worker<T: WorkerTask>(
    worker: &Mutex<WorkerProcess<T>>,
    fault: &Fault,
) -> Result<(), BoxError> {
    let mut process = worker.lock().await;
    if fault.kind == FaultKind::Freeze {
        process.freeze();
        sleep(fault.lasts).await;
        process.resume();
    } else {
        process.kill()?;
        sleep(fault.lasts).await;
        process.start_again()?;
    }
    Ok(())
}

/// Freezes, restarts or kills the server, and heals it.
pub(crate) async fn into_nats(nats: &NatsServer, fault: &Fault) {
    match fault.kind {
        FaultKind::Freeze => nats.pause().await,
        FaultKind::Restart => nats.stop().await,
        _ => nats.kill().await,
    }
    sleep(fault.lasts).await;
    match fault.kind {
        FaultKind::Freeze => nats.resume().await,
        _ => nats.restart().await,
    }
}

/// Breaks a connection, and heals it.
pub(crate) async fn into_link(link: &Proxy, fault: &Fault, random: &mut Random) {
    match fault.kind {
        FaultKind::Forget => link.forget(),
        FaultKind::Cut => link.set(NetworkFault::Cut),
        FaultKind::Slow => {
            let delay = random.between(Duration::from_millis(10), Duration::from_millis(150));
            link.set(NetworkFault::Latency(delay));
        }
        _ => link.set(NetworkFault::Freeze(Direction::Both)),
    }
    sleep(fault.lasts).await;
    link.set(NetworkFault::None);
}

/// Workers that have ended by themselves since the last call, and how. They are started again.
pub(crate) fn restart_ended<T: WorkerTask>(workers: &Workers<T>) -> Result<Vec<String>, BoxError> {
    let mut ended = Vec::new();
    for (name, worker) in workers {
        // A worker with a fault is locked.
        let Ok(mut process) = worker.try_lock() else { continue };
        if let Some(status) = process.ended() {
            ended.push(format!("{name} ended by itself: {status}"));
            process.start_again()?;
        }
    }
    Ok(ended)
}
