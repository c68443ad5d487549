use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[cfg(not(feature = "grpc"))]
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
#[cfg(feature = "grpc")]
use hyper_util::{rt::TokioExecutor, server::conn::auto};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::{Context, Logger, info, warn};

use super::Subject;
use super::paths::Paths;
use super::ready::ReadyCache;
use crate::counted::Counted;
use crate::{AdminSettings, Gate};

/// How long a connection may be without a request, half a head included.
const IDLE: Duration = Duration::from_secs(5);

/// The longest that a connection lives: as long as a command may run, and somewhat more.
const AGE: Duration = Duration::from_secs(305);

/// Connections at a time; further ones wait in the kernel.
const CONNECTIONS: usize = 64;

/// The admin listener and its thread.
pub(crate) struct Admin {
    subject: Arc<Subject>,
    running: Option<ListenerThread>,
}

struct ListenerThread {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Admin {
    /// Takes the port and answers from now on.
    pub(crate) fn open(
        settings: &AdminSettings,
        subject: Subject,
        log: Arc<dyn Logger>,
    ) -> Result<Self, Error> {
        let subject = Arc::new(subject);
        if !settings.enabled {
            return Ok(Self { subject, running: None });
        }
        let listener = listen(settings.address)?;
        let address =
            listener.local_addr().wrap_err(Kind::Internal, "read the address of the admin listener")?;
        let paths = Arc::new(Paths {
            subject: Arc::clone(&subject),
            ready: ReadyCache::default(),
            token: settings.token.clone(),
            stall_after: settings.stall_after,
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.wrap_err(Kind::Internal, "start the runtime of the admin listener")?;
        let (stop, stopped) = oneshot::channel();
        info!(log, &Context::background(), "admin listening", address = %address);
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, paths, &log) => {}
                    _ = stopped => {}
                }
            });
        });
        let thread = thread.wrap_err(Kind::Internal, "start the thread of the admin listener")?;
        Ok(Self { subject, running: Some(ListenerThread { stop, thread }) })
    }

    /// The state of the service.
    pub(crate) fn gate(&self) -> Gate {
        self.subject.gate.clone()
    }

    /// Begins the heartbeat of the runtime on which it is called.
    pub(crate) fn watch_runtime(&self) {
        tokio::spawn(Arc::clone(&self.subject).beat());
    }

    /// Ends the thread.
    pub(crate) fn close(self) {
        if let Some(running) = self.running {
            let _gone = running.stop.send(());
            let _panicked = running.thread.join();
        }
    }
}

fn listen(address: SocketAddr) -> Result<StdListener, Error> {
    let open = || {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok::<_, std::io::Error>(listener)
    };
    open().wrap_err(Kind::Unavailable, format!("listen on {address} (see service.admin.address)"))
}

async fn accept(listener: StdListener, paths: Arc<Paths>, log: &Arc<dyn Logger>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(problem) => {
            warn!(log, &Context::background(), &problem, "admin listener lost");
            return;
        }
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, caller)) => {
                let paths = Arc::clone(&paths);
                tokio::spawn(async move {
                    let _cut = tokio::time::timeout(AGE, serve(stream, caller, paths)).await;
                    drop(permit);
                });
            }
            // Out of descriptors, most likely: a pause lets others close theirs.
            Err(problem) => {
                warn!(log, &Context::background(), &problem, "admin connection not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, caller: SocketAddr, paths: Arc<Paths>) {
    let requests = watch::Sender::new(0);
    let changes = requests.subscribe();
    let answer = service_fn(move |request| {
        let (paths, counted) = (Arc::clone(&paths), Counted::new(&requests));
        async move { Ok::<_, Infallible>(paths.answer(request, caller, counted).await) }
    });
    #[cfg(feature = "grpc")]
    let builder = auto::Builder::new(TokioExecutor::new());
    #[cfg(not(feature = "grpc"))]
    let builder = http1::Builder::new();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
    tokio::select! {
        // A caller that went away is no fault of ours.
        _closed = connection.as_mut() => {}
        () = idle(changes) => {}
    }
}

/// Returns when there was no request for so long.
async fn idle(mut requests: watch::Receiver<usize>) {
    while requests.wait_for(|count| *count == 0).await.is_ok() {
        // An error is the end of the connection.
        match tokio::time::timeout(IDLE, requests.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
