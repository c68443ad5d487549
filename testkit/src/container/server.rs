use std::fs;
use std::time::{Duration, Instant};

use crate::container::client::{GATEWAY, docker, host};
use crate::data_dir;
use crate::error::{Context, Server, TestkitError};
use crate::port::{random_text, with_free_port};
use crate::process::ProcessId;
use crate::supervisor::{Lifetime, Supervisor, Task};
use crate::wait::wait_until;

/// How long a container may take to accept connections or to end. Generous, because its image may set itself up first.
const LIMIT: Duration = Duration::from_secs(120);

/// A server in a container: its name, its published port and the supervisor that removes it.
#[derive(Debug)]
pub(crate) struct Container {
    server: Server,
    name: String,
    port: u16,
    url: String,
    supervisor: Supervisor,
    ready: fn(&str) -> bool,
}

/// What a container is made from.
#[derive(Debug)]
pub(crate) struct ContainerOptions {
    pub(crate) server: Server,
    pub(crate) lifetime: Lifetime,
    /// The variable that names another image, and the usual image.
    pub(crate) image: (&'static str, &'static str),
    /// Where the server listens in the container.
    pub(crate) inner_port: u16,
    /// Further arguments of `docker create`.
    pub(crate) options: Vec<String>,
    /// A configuration file: its path in the container and its text.
    pub(crate) file: Option<(&'static str, String)>,
    pub(crate) arguments: Vec<String>,
    /// The URL with `{address}` for host and port.
    pub(crate) url: String,
    /// Whether the server of a URL accepts work. A port that is open proves nothing: the proxy of the engine opens it.
    pub(crate) ready: fn(&str) -> bool,
}

impl Container {
    /// Creates and starts it, and waits until it is ready.
    pub(crate) fn launch(options: &ContainerOptions) -> Result<Self, TestkitError> {
        with_free_port(|port| Self::launch_on(options, port))
    }

    fn launch_on(options: &ContainerOptions, port: u16) -> Result<Self, TestkitError> {
        let name = format!("underpin-testkit-{}", random_text::<6>()?);
        let owner = match options.lifetime {
            Lifetime::Of(owner) => owner,
            Lifetime::ThisProcess | Lifetime::UntilStopped => ProcessId::current(),
        };
        let base = data_dir::base()?;
        data_dir::sweep(&base);
        let folder = data_dir::new_folder(&base, "container", owner, None)?;
        fs::write(folder.join("container"), &name)
            .context(|| format!("cannot write to {}", folder.display()))?;
        // First, and it knows the name: a kill at any later moment leaves no container.
        let command = ["true".into()];
        let lifetime = options.lifetime;
        let task = Task { lifetime, folder: &folder, command: &command, stop: "KILL", user: None };
        let (supervisor, _) = Supervisor::start(&task)?;
        let host = host();
        let url = options.url.replace("{address}", &format!("{host}:{port}"));
        let mut this = Self { server: options.server, name, port, url, supervisor, ready: options.ready };
        let started = this.create(options, &host).and_then(|()| {
            if let Some((path, text)) = &options.file {
                let file = folder.join("file");
                fs::write(&file, text).context(|| format!("cannot write {}", file.display()))?;
                let target = format!("{}:{path}", this.name);
                this.run(&["cp", &file.to_string_lossy(), &target])?;
            }
            this.start()
        });
        match started {
            Ok(()) => Ok(this),
            Err(error) => {
                if options.lifetime == Lifetime::ThisProcess {
                    this.close();
                } else {
                    let _already_gone = docker(&["rm", "--force", "--volumes", &this.name])?;
                }
                Err(error)
            }
        }
    }

    fn create(&self, options: &ContainerOptions, host: &str) -> Result<(), TestkitError> {
        let (variable, usual) = options.image;
        let image = std::env::var(variable).ok().filter(|image| !image.is_empty());
        let interface = if host == "127.0.0.1" { host } else { "0.0.0.0" };
        let publish = format!("{interface}:{}:{}", self.port, options.inner_port);
        let gateway = format!("{GATEWAY}:host-gateway");
        let mut arguments =
            vec!["create", "--name", &self.name, "--publish", &publish, "--add-host", &gateway];
        arguments.extend(options.options.iter().map(String::as_str));
        arguments.push(image.as_deref().unwrap_or(usual));
        arguments.extend(options.arguments.iter().map(String::as_str));
        self.run(&arguments)
    }

    fn run(&self, arguments: &[&str]) -> Result<(), TestkitError> {
        docker(arguments)?.map(drop).map_err(|log| {
            let reason = format!("docker {} failed", arguments.first().unwrap_or(&""));
            TestkitError::Start { server: self.server, reason, log }
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn log(&self) -> String {
        let (output, error) = match std::process::Command::new("docker").args(["logs", &self.name]).output() {
            Ok(output) => (output.stdout, output.stderr),
            Err(_) => return String::new(),
        };
        format!("{}{}", String::from_utf8_lossy(&output), String::from_utf8_lossy(&error))
    }

    pub(crate) fn is_running(&self) -> bool {
        let running = docker(&["inspect", "--format", "{{.State.Running}}", &self.name]);
        running.is_ok_and(|running| running.as_deref() == Ok("true"))
    }

    /// Sends a signal and does not wait for its effect.
    pub(crate) fn signal(&self, signal: &str) {
        let _sent = docker(&["kill", "--signal", signal, &self.name]);
    }

    /// Sends a signal to the server and waits until it has ended.
    pub(crate) fn end(&self, signal: &str) {
        self.resume();
        // A container that has ended already gets no signal.
        let _ended = docker(&["kill", "--signal", signal, &self.name]);
        if wait_until(LIMIT, || (!self.is_running()).then_some(())).is_none() {
            let _ended = docker(&["kill", &self.name]);
        }
    }

    /// Starts it on the same port and data, and waits until it is ready; does nothing when it runs.
    pub(crate) fn start(&self) -> Result<(), TestkitError> {
        if self.is_running() {
            return Ok(());
        }
        self.run(&["start", &self.name])?;
        let started = Instant::now();
        let came_up = wait_until(LIMIT, || {
            if (self.ready)(&self.url) {
                return Some(Ok(()));
            }
            (!self.is_running()).then_some(Err("it ended at once"))
        });
        let reason = match came_up {
            Some(Ok(())) => return Ok(()),
            Some(Err(reason)) => reason.to_owned(),
            None => format!("it was not ready within {:?}", started.elapsed()),
        };
        Err(TestkitError::Start { server: self.server, reason, log: self.log() })
    }

    /// Stops all processes of the container; its connections stay open.
    pub(crate) fn pause(&self) {
        let _paused = docker(&["pause", &self.name]);
    }

    /// Lets the processes go on.
    pub(crate) fn resume(&self) {
        let _not_paused = docker(&["unpause", &self.name]);
    }

    /// Removes the container and waits for it.
    pub(crate) fn close(&mut self) {
        self.supervisor.finish();
    }
}
