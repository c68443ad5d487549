use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::blocking::blocking;
use crate::data_dir;
use crate::error::{Context, Server, TestkitError, or_fail};
use crate::port::with_free_port;
use crate::process::ProcessId;
use crate::program::Program;
use crate::record;
use crate::server::{Launch, LocalServer};
use crate::supervisor::Lifetime;

/// How long Prometheus may take to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// A Prometheus for one test. It ends with the value, and also when the test process is killed.
///
/// ```
/// # async fn run() {
/// use underpin_testkit::PrometheusServer;
///
/// let prometheus = PrometheusServer::start("global: {scrape_interval: 1s}").await;
/// assert!(prometheus.query("1 + 1").await.contains("\"2\""));
/// # }
/// ```
#[derive(Debug)]
pub struct PrometheusServer {
    server: LocalServer,
}

impl PrometheusServer {
    /// Starts one with this configuration file; rule files are named by their absolute paths.
    ///
    /// # Panics
    /// When there is no local binary, or Prometheus refuses the configuration.
    pub async fn start(config: &str) -> Self {
        or_fail(Self::try_start(config).await)
    }

    /// Starts one with this configuration file.
    ///
    /// # Errors
    /// [`TestkitError::NotFound`] without a local binary, [`TestkitError::Start`] when it does not come up.
    pub async fn try_start(config: &str) -> Result<Self, TestkitError> {
        let config = config.to_owned();
        let server = blocking(move || {
            let program = Program::find(Server::Prometheus)?;
            let server = launch(&program, &config)?;
            record::used(&format!("{program}, private"));
            Ok(server)
        });
        Ok(Self { server: server.await? })
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.server.port())
    }

    /// The answer of `/api/v1/query` to an expression, as JSON: also where Prometheus refuses the expression.
    ///
    /// # Panics
    /// When Prometheus does not answer.
    pub async fn query(&self, expression: &str) -> String {
        let (port, body) = (self.server.port(), format!("query={}", encoded(expression)));
        let answer = blocking(move || exchange(port, "POST", "/api/v1/query", &body));
        or_fail(answer.await.context(|| format!("cannot query Prometheus for {expression}"))).1
    }

    /// What it has written to its log so far.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

impl Drop for PrometheusServer {
    fn drop(&mut self) {
        self.server.close();
    }
}

fn launch(program: &Program, config: &str) -> Result<LocalServer, TestkitError> {
    let base = data_dir::base()?;
    data_dir::sweep(&base);
    with_free_port(|port| {
        let folder = data_dir::new_folder(&base, "prometheus", ProcessId::current(), None)?;
        let file = folder.join("prometheus.yaml");
        data_dir::write(&file, config)?;
        let options = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address={}:{port}", Ipv4Addr::LOCALHOST),
        ];
        let mut command = vec![program.path("prometheus").into_os_string()];
        command.extend(options.map(Into::into));
        let (server, lifetime, stop) = (Server::Prometheus, Lifetime::ThisProcess, "KILL");
        LocalServer::launch(Launch { server, lifetime, folder, command, stop, user: None, port, ready })
    })
}

fn ready(_folder: &Path, port: u16, _pid: u32) -> bool {
    exchange(port, "GET", "/-/ready", "").is_ok_and(|(head, _)| head.contains(" 200 "))
}

/// One exchange of HTTP/1.0, whose answer ends with the connection: the status line and the body.
fn exchange(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<(String, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(LIMIT))?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Ok((head.lines().next().unwrap_or_default().to_owned(), body.to_owned()))
}

/// As the value of a form.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _infallible = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
