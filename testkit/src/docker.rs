use std::fs;
use std::process::{Command, Stdio};

use testcontainers::core::wait::LogWaitStrategy;
use testcontainers::core::{ContainerPort, IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt, TestcontainersError};

use crate::data_dir;
use crate::error::{Context, TestkitError};
use crate::port::random_text;
use crate::process::ProcessId;
use crate::supervisor::{Lifetime, Supervisor, Task};

/// A server in a container, for a machine that has an engine and no local binary.
///
/// testcontainers starts it; a supervisor removes it, because a test that is killed cannot and testcontainers has nobody
/// else who would. The supervisor starts first and knows the name, so no kill falls in between.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) address: String,
    supervisor: Supervisor,
}

/// PostgreSQL for all tests of a run; the URL of a superuser.
pub(crate) async fn postgres(owner: ProcessId) -> Result<String, TestkitError> {
    let password = random_text::<16>()?;
    // The image starts a first server to set itself up; only the second one is there to stay.
    let ready = LogWaitStrategy::stderr("database system is ready to accept connections").with_times(2);
    let request = image("POSTGRES_IMAGE", "postgres:16-alpine", 5432.tcp(), WaitFor::log(ready))
        .with_env_var("POSTGRES_PASSWORD", &password)
        .with_cmd(["postgres", "-c", "fsync=off", "-c", "max_connections=400"]);
    let container = Container::start(request, 5432.tcp(), Lifetime::Of(owner)).await?;
    Ok(format!("postgres://postgres:{password}@{}/postgres", container.address))
}

/// NATS with JetStream for one test.
pub(crate) async fn nats() -> Result<Container, TestkitError> {
    let ready = WaitFor::message_on_stderr("Server is ready");
    let request = image("NATS_IMAGE", "nats:2.12-alpine", 4222.tcp(), ready).with_cmd(["--jetstream"]);
    Container::start(request, 4222.tcp(), Lifetime::ThisProcess).await
}

/// The image of the variable, as docker-compose.yml names it too, or the usual one.
fn image(variable: &str, usual: &str, port: ContainerPort, ready: WaitFor) -> ContainerRequest<GenericImage> {
    let given = std::env::var(variable).ok().filter(|image| !image.is_empty());
    let image = given.as_deref().unwrap_or(usual);
    // The tag follows the last colon, unless that belongs to the port of a registry.
    let (name, tag) = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    };
    GenericImage::new(name, tag).with_exposed_port(port).with_wait_for(ready).into()
}

impl Container {
    async fn start(
        request: ContainerRequest<GenericImage>,
        port: ContainerPort,
        life: Lifetime,
    ) -> Result<Self, TestkitError> {
        // The supervisor needs the client; an engine that answers nobody shows here too.
        let engine = Command::new("docker").arg("version").stdin(Stdio::null()).output();
        let output =
            engine.context(|| "cannot run the client docker, which removes containers".to_owned())?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(std::io::Error::other(reason)).context(|| "no container engine answers".to_owned());
        }
        let name = format!("underpin-testkit-{}", random_text::<6>()?);
        let supervisor = guard(&name, life)?;
        let container =
            request.with_container_name(&name).start().await.map_err(docker("cannot start a container"))?;
        let address = address(&container, port).await.map_err(docker("cannot reach the container"))?;
        // Its own destructor would remove it with this value; the supervisor does that at the right time.
        std::mem::forget(container);
        Ok(Self { address, supervisor })
    }

    /// Removes the container and waits for it.
    pub(crate) fn close(&mut self) {
        self.supervisor.finish();
    }
}

fn guard(name: &str, life: Lifetime) -> Result<Supervisor, TestkitError> {
    let owner = match life {
        Lifetime::Of(owner) => owner,
        Lifetime::ThisProcess | Lifetime::UntilStopped => ProcessId::current(),
    };
    let folder = data_dir::new_folder(&data_dir::base()?, "container", owner, None)?;
    fs::write(folder.join("container"), name).context(|| format!("cannot write to {}", folder.display()))?;
    let command = ["true".into()];
    let (supervisor, _) =
        Supervisor::start(&Task { life, folder: &folder, command: &command, stop: "KILL", user: None })?;
    Ok(supervisor)
}

async fn address(
    container: &ContainerAsync<GenericImage>,
    port: ContainerPort,
) -> Result<String, TestcontainersError> {
    Ok(format!("{}:{}", container.get_host().await?, container.get_host_port_ipv4(port).await?))
}

fn docker(context: &'static str) -> impl FnOnce(TestcontainersError) -> TestkitError {
    move |source| TestkitError::Docker { context: context.to_owned(), source }
}
