use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::blocking::blocking;
use crate::container::{self, Container, ContainerOptions};
use crate::data_dir;
use crate::error::{Context, Server, TestkitError, or_fail};
use crate::owned::OwnedServer;
use crate::port::with_free_port;
use crate::postgres::PostgresDatabase;
use crate::process::ProcessId;
use crate::program::Program;
use crate::record;
use crate::server::{Launch, LocalServer};
use crate::source::Source;
use crate::supervisor::Lifetime;
use crate::url::{UrlParts, percent_decoded};
use crate::user::ServerUser;

/// pgbouncer in transaction mode in front of a database: each transaction may run in another server session.
///
/// It has four server sessions and admits every client without a password. It ends with the value, and also when the
/// test process is killed.
///
/// ```
/// # async fn run() {
/// use underpin_testkit::Pooler;
///
/// let pooler = Pooler::start().await;
/// assert!(pooler.url().starts_with("postgres://"));
/// # }
/// ```
#[derive(Debug)]
pub struct Pooler {
    url: String,
    server: OwnedServer,
    // Dropped after the pooler, which has connections to it.
    database: Option<PostgresDatabase>,
}

impl Pooler {
    /// Starts one in front of a fresh database.
    ///
    /// # Panics
    /// When no server or no pgbouncer is found; the message names every remedy.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one in front of a fresh database, with settings of the section `[pgbouncer]`, for example
    /// `&[("pool_mode", "session")]`.
    ///
    /// # Panics
    /// Like [`start`](Self::start), and when pgbouncer refuses a setting.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let database = PostgresDatabase::fresh().await;
        let mut this = or_fail(Self::try_before(database.url(), settings).await);
        this.database = Some(database);
        this
    }

    /// Starts one in front of the database of a URL.
    ///
    /// # Errors
    /// [`TestkitError::NotFound`] without a local binary and container engine, [`TestkitError::Start`] when it does not come up.
    pub async fn try_before(database_url: &str, settings: &[(&str, &str)]) -> Result<Self, TestkitError> {
        let target = Target::of(database_url);
        let name = target.name.clone();
        let settings: Vec<_> = SETTINGS
            .iter()
            .filter(|(name, _)| !settings.iter().any(|(chosen, _)| chosen == name))
            .chain(settings)
            .map(|(name, value)| format!("{name} = {value}\n"))
            .collect();
        let server = blocking(move || match Source::find(Server::PgBouncer)? {
            Source::Local(program) => start(&program, &target.config(&settings)).map(OwnedServer::Process),
            Source::Container => start_container(target, &settings).map(OwnedServer::Container),
        })
        .await?;
        let url = match &server {
            OwnedServer::Container(container) => container.url().to_owned(),
            OwnedServer::Process(server) => format!("postgres://app@127.0.0.1:{}/{name}", server.port()),
        };
        Ok(Self { url, server, database: None })
    }

    /// `postgres://app@127.0.0.1:port/database`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The fresh database behind it; `None` after [`try_before`](Self::try_before).
    pub fn database(&self) -> Option<&PostgresDatabase> {
        self.database.as_ref()
    }

    /// What pgbouncer has written to its log so far.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.server.close();
    }
}

const SETTINGS: &[(&str, &str)] = &[
    ("unix_socket_dir", ""),
    ("auth_type", "any"),
    ("pool_mode", "transaction"),
    ("default_pool_size", "4"),
    ("max_client_conn", "100"),
];

/// The database behind the pooler.
#[derive(Debug)]
struct Target {
    host: String,
    port: String,
    user: Option<String>,
    password: Option<String>,
    name: String,
}

impl Target {
    fn of(url: &str) -> Self {
        let parts = UrlParts::of(url);
        let (user, password) = parts.credentials();
        let address = parts.address(5432);
        let (host, port) = address.rsplit_once(':').unwrap_or((&address, "5432"));
        let path = parts.after.trim_start_matches('/');
        Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.to_owned(),
            user: user.map(percent_decoded),
            password: password.map(percent_decoded),
            name: path.split('?').next().unwrap_or(path).to_owned(),
        }
    }

    /// The configuration file without the address of the pooler.
    fn config(&self, settings: &[String]) -> String {
        format!("[databases]\n{}\n[pgbouncer]\n{}", self.line(), settings.concat())
    }

    /// `name = host='..' port='..'`: a quote within quotes is doubled.
    fn line(&self) -> String {
        let fields = [
            ("host", Some(&self.host)),
            ("port", Some(&self.port)),
            ("user", self.user.as_ref()),
            ("password", self.password.as_ref()),
        ];
        let fields = fields.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let quoted: String =
            fields.map(|(key, value)| format!(" {key}='{}'", value.replace('\'', "''"))).collect();
        format!("{} ={quoted}", self.name)
    }
}

fn start(program: &Program, config: &str) -> Result<LocalServer, TestkitError> {
    let base = data_dir::base()?;
    data_dir::sweep(&base);
    // pgbouncer refuses to run as root.
    let user = ServerUser::for_root();
    let server = with_free_port(|port| {
        let folder = data_dir::new_folder(&base, "pgbouncer", ProcessId::current(), user.as_ref())?;
        let file = folder.join("pgbouncer.ini");
        let address = Ipv4Addr::LOCALHOST;
        data_dir::write(&file, &format!("{config}listen_addr = {address}\nlisten_port = {port}\n"))?;
        if let Some(user) = &user {
            user.own(&file).context(|| format!("cannot give {} away", file.display()))?;
        }
        LocalServer::launch(Launch {
            server: Server::PgBouncer,
            lifetime: Lifetime::ThisProcess,
            command: vec![program.path("pgbouncer").into(), file.into()],
            folder,
            stop: "KILL",
            user: user.clone(),
            port,
            ready: |_folder, port, _pid| answers(&format!("{}:{port}", Ipv4Addr::LOCALHOST)),
        })
    })?;
    record::used(&format!("{program}, private"));
    Ok(server)
}

fn start_container(mut target: Target, settings: &[String]) -> Result<Container, TestkitError> {
    const FILE: &str = "/underpin-pgbouncer.ini";
    let port = target.port.parse().unwrap_or(5432);
    let (host, port) = container::address_within(&target.host, port, 5432)?;
    (target.host, target.port) = (host, port.to_string());
    let container = Container::launch(&ContainerOptions {
        server: Server::PgBouncer,
        lifetime: Lifetime::ThisProcess,
        image: ("PGBOUNCER_IMAGE", "edoburu/pgbouncer:latest"),
        inner_port: 6432,
        // The entry points of images write files of their own; as root pgbouncer does not run.
        options: ["--entrypoint", "pgbouncer", "--user", "65534:65534"].map(str::to_owned).to_vec(),
        file: Some((FILE, format!("{}listen_addr = *\nlisten_port = 6432\n", target.config(settings)))),
        arguments: vec![FILE.to_owned()],
        url: format!("postgres://app@{{address}}/{}", target.name),
        ready: |url| answers(&UrlParts::of(url).address(6432)),
    })?;
    record::used("pgbouncer in a container, private");
    Ok(container)
}

/// Whether a server that speaks the protocol of PostgreSQL listens there: it answers the request for TLS with one byte.
fn answers(address: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = address.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::NotFound)?;
        let limit = Duration::from_secs(1);
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        // SSLRequest: its length and its code.
        stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        Ok(matches!(&answer, b"S" | b"N"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_url_becomes_a_line_of_databases() {
        let target = Target::of("postgres://ada:l%27o%20ve@db.example:5433/app?sslmode=disable");
        assert_eq!(target.line(), "app = host='db.example' port='5433' user='ada' password='l''o ve'");
        assert_eq!(Target::of("postgres://h/app").line(), "app = host='h' port='5432'");
    }
}
