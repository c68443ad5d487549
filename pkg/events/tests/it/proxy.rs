//! A TCP proxy in front of a server, which loses what the server writes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// What the server writes is lost; what the client writes arrives.
    Swallow,
    /// Every connection ends, and every new one at once.
    Refuse,
}

pub(crate) struct Proxy {
    url: String,
    mode: watch::Sender<Mode>,
    _stop: DropGuard,
}

impl Proxy {
    /// In front of the server of this URL.
    pub(crate) async fn before(url: &str) -> Self {
        let server = url.strip_prefix("nats://").expect("a NATS URL").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let (mode, modes) = watch::channel(Mode::Pass);
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            let mut links = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                links.spawn(link(client, server.clone(), modes.clone()));
            }
        }));
        Self { url, mode, _stop: stop.drop_guard() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn link(client: TcpStream, server: String, modes: watch::Receiver<Mode>) {
    let mut refused = modes.clone();
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let down = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
            let swallow = *modes.borrow() == Mode::Swallow;
            if !swallow && to_client.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = refused.wait_for(|mode| *mode == Mode::Refuse) => {}
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        () = down => {}
    }
}
