use std::net::Ipv4Addr;
use std::time::Duration;

use crate::blocking::blocking;
use crate::error::{Server, TestkitError, or_fail};
use crate::nats::raw::Session;
use crate::nats::{local, server::NatsServer};
use crate::owned::OwnedServer;
use crate::port::{free_port, random_text};
use crate::private::PrivateServer;
use crate::program::Program;
use crate::record;
use crate::wait::wait_until;

/// How many nodes there are: the smallest number that keeps a majority without one.
const NODES: usize = 3;

/// How long a cluster may take until it accepts a stream with three replicas.
const LIMIT: Duration = Duration::from_secs(120);

/// Three NATS servers with JetStream that know each other, for one test. They are empty at the start.
///
/// A stream with three replicas is available as long as two of them run. Each node is a [`NatsServer`] that can be killed, paused and
/// restarted by itself. All end with the value, and also when the test process is killed.
///
/// ```
/// # async fn run() {
/// use underpin_testkit::NatsCluster;
///
/// let cluster = NatsCluster::start().await;
/// cluster.nodes()[0].kill().await;
/// cluster.nodes()[0].restart().await;
/// cluster.ready().await;
/// # }
/// ```
#[derive(Debug)]
pub struct NatsCluster {
    nodes: Vec<NatsServer>,
}

impl NatsCluster {
    /// Starts one, and waits until it has a leader and three members; some seconds.
    ///
    /// # Panics
    /// When there is no local binary, and when the servers do not form a cluster.
    pub async fn start() -> Self {
        let nodes = or_fail(blocking(|| start_nodes(&Program::find(Server::Nats)?)).await);
        let cluster = Self { nodes };
        cluster.ready().await;
        cluster
    }

    /// The nodes.
    pub fn nodes(&self) -> &[NatsServer] {
        &self.nodes
    }

    /// The URLs of the nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.url().to_owned()).collect()
    }

    /// Waits until every node that runs accepts a stream with three replicas. It needs all three.
    ///
    /// # Panics
    /// When that takes longer than two minutes.
    pub async fn ready(&self) {
        let urls = self.urls();
        let ready = blocking(move || {
            wait_until(LIMIT, || urls.iter().all(|url| places_a_stream(url)).then_some(())).ok_or_else(|| {
                let reason = format!("the three nodes did not form a cluster within {LIMIT:?}");
                TestkitError::Start { server: Server::Nats, reason, log: String::new() }
            })
        });
        if let Err(error) = ready.await {
            let logs: Vec<_> = self.nodes.iter().map(NatsServer::log).collect();
            or_fail::<()>(Err(match error {
                TestkitError::Start { server, reason, .. } => {
                    TestkitError::Start { server, reason, log: logs.join("\n") }
                }
                other => other,
            }));
        }
    }
}

fn start_nodes(program: &Program) -> Result<Vec<NatsServer>, TestkitError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match try_start_nodes(program) {
            // Somebody took a port of a route between its choice and its use.
            Err(error) if error.is_port_taken() && attempts < 5 => {}
            other => return other,
        }
    }
}

fn try_start_nodes(program: &Program) -> Result<Vec<NatsServer>, TestkitError> {
    let name = format!("underpin_{}", random_text::<4>()?);
    let ports = (0..NODES).map(|_| free_port()).collect::<Result<Vec<_>, _>>()?;
    let address = Ipv4Addr::LOCALHOST;
    let routes: Vec<_> = ports.iter().map(|port| format!("nats://{address}:{port}")).collect();
    let mut nodes = Vec::new();
    for (number, port) in ports.iter().enumerate() {
        let config = format!(
            "server_name: n{number}\ncluster {{ name: {name}, listen: \"{address}:{port}\", routes: [{}] }}\n",
            routes.join(", ")
        );
        let server = local::start(program, &config)?;
        let url = format!("nats://{address}:{}", server.port());
        nodes.push(NatsServer::new(url, Some(PrivateServer::new(OwnedServer::Process(server))))?);
    }
    record::used(&format!("{program}, private cluster"));
    Ok(nodes)
}

/// Whether a node creates a stream with three replicas, which needs a leader and all members.
fn places_a_stream(url: &str) -> bool {
    let place = || -> Option<bool> {
        let mut session = Session::connect(url).ok()?;
        let config =
            r#"{"name":"UNDERPIN_READY","subjects":["underpin.ready"],"storage":"memory","num_replicas":3}"#;
        let created = session.request("$JS.API.STREAM.CREATE.UNDERPIN_READY", config).ok()?;
        let deleted = session.request("$JS.API.STREAM.DELETE.UNDERPIN_READY", "").ok()?;
        Some(!created.contains("\"error\"") && !deleted.contains("\"error\""))
    };
    place().unwrap_or(false)
}
