use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};

use super::connection::{Connection, LimitCheck};
use super::io::Socket;
use super::meters;
use super::request::RequestService;
use super::state::Command;

/// How long a connection that is closed in order may take if it has no request: a GOAWAY and the answer to it.
const CLOSE: Duration = Duration::from_secs(2);

/// Serves a connection to its end, whatever that is.
pub(super) async fn drive<S>(stream: S, connection: Arc<Connection>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let server = Arc::clone(&connection.server);
    let mut commands = server.command.subscribe();
    // The stop may have begun before this task ran.
    commands.mark_changed();
    let socket = TokioIo::new(Socket::new(stream, Arc::clone(&connection)));
    let service = RequestService::new(Arc::clone(&connection));
    let mut serving = pin!(server.builder.serve_connection_with_upgrades(socket, service));
    let mut check = pin!(sleep(Duration::ZERO));
    // When a connection that is being closed must be gone, unless it has a request.
    let mut closing: Option<Instant> = None;
    loop {
        let closes = tokio::select! {
            biased;
            // What went wrong on the wire is no fault of the service.
            _ended = serving.as_mut() => {
                connection.upgrade();
                return;
            }
            command = commands.changed() => match (command.map(|()| *commands.borrow_and_update()), connection.is_expendable()) {
                (Ok(Command::Serve) | Ok(Command::ShedIdle(_)), false) => false,
                (Ok(Command::Serve), true) => false,
                (Ok(Command::ShedIdle(_)), true) => {
                    meters::limit_reached(&server.name, "max_connections");
                    return;
                }
                (Ok(Command::Drain), _) => true,
                (Ok(Command::Abort) | Err(_), _) => return,
            },
            () = check.as_mut() => match connection.check_limits() {
                _ if closing.is_some_and(|end| end <= Instant::now()) && !connection.has_requests() => return,
                LimitCheck::Abort(limit) => {
                    meters::limit_reached(&server.name, limit);
                    return;
                }
                LimitCheck::Close(limit) if closing.is_none() => {
                    meters::limit_reached(&server.name, limit);
                    true
                }
                LimitCheck::Close(_) => {
                    check.as_mut().reset(Instant::now() + CLOSE);
                    false
                }
                LimitCheck::Wait(span) => {
                    let next = Instant::now() + span;
                    check.as_mut().reset(closing.map_or(next, |end| next.min(end.max(Instant::now() + Duration::from_millis(50)))));
                    false
                }
            },
        };
        if closes && closing.is_none() {
            serving.as_mut().graceful_shutdown();
            let end = Instant::now() + CLOSE;
            closing = Some(end);
            check.as_mut().reset(end);
        }
    }
}
