use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tls")]
use tokio::net::TcpStream;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use underpin_logger::{Context, warn};

use super::connection::Connection;
use super::drive::drive;
#[cfg(feature = "tls")]
use super::meters;
use super::state::{Command, ServerState};

/// Connections that wait in the kernel, as far as it allows for that many.
const BACKLOG: u32 = 4096;

/// How long to wait for room before connections without a request are closed.
const ROOM: Duration = Duration::from_millis(200);

/// How often a failing accept is logged.
const LOG_EVERY: Duration = Duration::from_secs(10);

pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of the process before do not hold the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until the server finishes; then the port is free.
pub(super) async fn accept(listener: TcpListener, server: Arc<ServerState>) {
    let permits = Arc::new(Semaphore::new(server.settings.max_connections));
    let mut commands = server.command.subscribe();
    let accepting = async {
        let mut logged = None;
        loop {
            let permit = acquire_permit(&permits, &server).await;
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // Without it a small answer waits for the acknowledgement of the one before. A socket that is closed already says so later.
                    let _closed = stream.set_nodelay(true);
                    let connection = Connection::new(Arc::clone(&server), peer, permit);
                    tokio::spawn(serve(stream, Arc::new(connection)));
                }
                Err(problem) if is_of_one_connection(&problem) => {}
                // Out of descriptors, most likely.
                Err(problem) => {
                    let now = Instant::now();
                    if logged.is_none_or(|last| now.duration_since(last) > LOG_EVERY) {
                        logged = Some(now);
                        warn!(
                            server.log(),
                            &Context::background(),
                            &problem,
                            "connection not accepted",
                            server = server.name
                        );
                    }
                    server.shed_idle();
                    sleep(ROOM).await;
                }
            }
        }
    };
    let draining = async {
        server.draining().await;
        server.start_draining();
        std::future::pending::<()>().await;
    };
    #[cfg(feature = "tls")]
    let watching = async {
        match server.tls.get() {
            Some(tls) => tls.watch(&server.name, server.log()).await,
            None => std::future::pending().await,
        }
    };
    #[cfg(not(feature = "tls"))]
    let watching = std::future::pending();
    tokio::select! {
        () = accepting => {}
        () = watching => {}
        () = draining => {}
        _closed = commands.wait_for(is_over) => {}
    }
}

#[cfg(not(feature = "tls"))]
use drive as serve;

/// Shakes hands, where TLS is set, and serves.
#[cfg(feature = "tls")]
async fn serve(stream: TcpStream, connection: Arc<Connection>) {
    let server = Arc::clone(&connection.server);
    let Some(tls) = server.tls.get() else { return drive(stream, connection).await };
    let mut commands = server.command.subscribe();
    let limit = tls.settings().handshake_timeout;
    let opened = tokio::select! {
        opened = timeout(limit, tls.acceptor().accept(stream)) => opened.ok().and_then(Result::ok),
        // No request of it can be in progress.
        _over = commands.wait_for(is_over) => return,
    };
    match opened {
        // Boxed: few connections have it, and all would carry its size.
        Some(stream) => Box::pin(drive(stream, connection)).await,
        None => meters::handshake_failed(&server.name),
    }
}

fn is_over(command: &Command) -> bool {
    matches!(command, Command::Drain | Command::Abort)
}

/// Waits for room for one connection, and makes some if there is none.
async fn acquire_permit(permits: &Arc<Semaphore>, server: &ServerState) -> OwnedSemaphorePermit {
    loop {
        match timeout(ROOM, Arc::clone(permits).acquire_owned()).await {
            Ok(Ok(permit)) => return permit,
            // Never closed.
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => server.shed_idle(),
        }
    }
}

fn is_of_one_connection(problem: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(problem.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
