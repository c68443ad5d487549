//! gRPC of a service, as tonic's client sees it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use hyper::{Request, Response};
use tokio::time::timeout;
use tonic::codegen::tokio_stream::once;
use tonic::server::NamedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tower_service::Service;
use underpin_errors::{Health, HealthCheck};
use underpin_service::testing::TestService;
use underpin_service::{
    Component, Deadline, Ended, Http, HttpSettings, LifecycleSettings, ServiceState, Signal, Start, Stopped,
};

use super::support::LIMIT;

#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "test.Greeter";
}

impl Service<Request<tonic::body::Body>> for Greeter {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<tonic::body::Body>) -> Self::Future {
        ready(Ok(Status::not_found("nobody to greet").into_http()))
    }
}

/// A check, and a traffic component that has it.
#[derive(Clone)]
struct Switch(&'static str, Arc<AtomicBool>);

impl Switch {
    fn new(name: &'static str) -> Self {
        Self(name, Arc::new(AtomicBool::new(true)))
    }

    fn set(&self, is_up: bool) {
        self.1.store(is_up, Ordering::SeqCst);
    }
}

#[async_trait]
impl HealthCheck for Switch {
    fn name(&self) -> &str {
        self.0
    }

    async fn check(&self) -> Health {
        if self.1.load(Ordering::SeqCst) { Health::up() } else { Health::down("off") }
    }
}

#[async_trait]
impl Component for Switch {
    fn name(&self) -> &str {
        self.0
    }

    async fn stop(&self, _: Deadline) -> Stopped {
        Stopped::Clean
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        Some(Arc::new(self.clone()))
    }
}

async fn connect(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

async fn check(client: &mut HealthClient<Channel>, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let checked = timeout(LIMIT, client.check(request)).await.expect("answered in time");
    checked.map(|response| response.get_ref().status()).map_err(|status| status.code())
}

async fn watch(client: &mut HealthClient<Channel>, service: &str) -> Streaming<HealthCheckResponse> {
    let request = HealthCheckRequest { service: service.to_owned() };
    timeout(LIMIT, client.watch(request)).await.expect("answered in time").unwrap().into_inner()
}

async fn next(watched: &mut Streaming<HealthCheckResponse>) -> Option<ServingStatus> {
    let message = timeout(LIMIT, watched.message()).await.expect("in time").expect("no failure");
    message.map(|response| response.status())
}

fn serve(start: &mut Start<HttpSettings>) {
    let settings = start.settings();
    let grpc = start.grpc(&settings).add(Greeter).into_routes();
    start.traffic(Http::new(&settings, grpc));
}

/// The checks are added after the server, and those of traffic once it has started.
#[tokio::test]
async fn health_follows_the_checks_of_all_components_for_the_whole_and_each_service() {
    let (required, traffic) = (Switch::new("payments"), Switch::new("consumer"));
    let ended = TestService::new(HttpSettings::default().port(0))
        .run(
            async |start| {
                serve(start);
                start.require(Arc::new(required.clone()));
                start.traffic(traffic.clone());
                Ok(())
            },
            async |service| {
                let mut client = HealthClient::new(connect(service.address("http").unwrap()).await);
                assert_eq!(check(&mut client, "none").await, Err(Code::NotFound));
                let mut unknown = watch(&mut client, "none").await;
                assert_eq!(next(&mut unknown).await, Some(ServingStatus::ServiceUnknown));
                for name in ["", "test.Greeter"] {
                    assert_eq!(check(&mut client, name).await, Ok(ServingStatus::Serving));
                    let mut watched = watch(&mut client, name).await;
                    assert_eq!(next(&mut watched).await, Some(ServingStatus::Serving));
                    for switch in [&required, &traffic] {
                        switch.set(false);
                        assert_eq!(next(&mut watched).await, Some(ServingStatus::NotServing));
                        assert_eq!(check(&mut client, name).await, Ok(ServingStatus::NotServing));
                        switch.set(true);
                        assert_eq!(next(&mut watched).await, Some(ServingStatus::Serving));
                    }
                }
            },
        )
        .await;
    assert!(matches!(ended, Ended::Clean { cut } if cut.is_empty()));
}

#[tokio::test]
async fn health_is_not_serving_from_the_moment_readiness_goes_off() {
    let (send, drained) = tokio::sync::oneshot::channel();
    let ended = TestService::new(HttpSettings::default().port(0))
        .lifecycle(LifecycleSettings::default().drain_grace(Duration::from_secs(2)))
        .run(
            async |start| {
                serve(start);
                Ok(())
            },
            async |service| {
                let mut client = HealthClient::new(connect(service.address("http").unwrap()).await);
                let mut watched = watch(&mut client, "test.Greeter").await;
                assert_eq!(next(&mut watched).await, Some(ServingStatus::Serving));
                let gate = service.gate();
                tokio::spawn(async move {
                    gate.reached(ServiceState::Draining).await;
                    let checked = check(&mut client, "").await;
                    let rest = [next(&mut watched).await, next(&mut watched).await];
                    send.send((checked, rest)).unwrap();
                });
                service.signal(Signal::Terminate);
                std::future::pending::<()>().await;
            },
        )
        .await;
    assert!(matches!(ended, Ended::Clean { cut } if cut.is_empty()));
    let (checked, rest) = drained.await.unwrap();
    assert_eq!(checked, Ok(ServingStatus::NotServing), "while calls are still accepted");
    assert_eq!(rest, [Some(ServingStatus::NotServing), None], "the watch ends");
}

#[tokio::test]
async fn the_public_port_shows_no_descriptors() {
    let ended = TestService::new(HttpSettings::default().port(0))
        .run(
            async |start| {
                serve(start);
                start.serve_reflection(tonic_health::pb::FILE_DESCRIPTOR_SET)
            },
            async |service| {
                let channel = connect(service.address("http").unwrap()).await;
                let mut client = ServerReflectionClient::new(channel);
                let asked = client.server_reflection_info(once(ServerReflectionRequest::default()));
                let refused = match timeout(LIMIT, asked).await.expect("answered in time") {
                    Ok(stream) => {
                        timeout(LIMIT, stream.into_inner().message()).await.expect("ended").unwrap_err()
                    }
                    Err(refused) => refused,
                };
                assert_eq!(refused.code(), Code::Unimplemented, "{refused:?}");
            },
        )
        .await;
    assert!(matches!(ended, Ended::Clean { .. }));
}

#[tokio::test]
async fn descriptors_that_cannot_be_decoded_keep_the_service_from_starting() {
    let ended = TestService::new(())
        .run(async |start| start.serve_reflection(b"none"), async |_| panic!("never ready"))
        .await;
    let Ended::Failed { error, .. } = ended else { panic!("{ended:?}") };
    let text = underpin_errors::Report(&error).to_string();
    assert!(text.contains("read the descriptors of the gRPC services"), "{text}");
}
