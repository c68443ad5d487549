//! gRPC reflection on the admin listener, as tonic's client sees it.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};

use rustix::process::Signal;
use tonic::codegen::tokio_stream::iter;
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ListServiceResponse, ServerReflectionRequest};
use tonic_reflection::pb::v1alpha;

use super::admin_client::get;
use super::running::{LIMIT, Running};

/// A set with one file, `test.proto`, that declares the service `test.Greeter` without a method.
pub(super) const GREETER: &[u8] = b"\x0a\x1d\x0a\x0atest.proto\x12\x04test\x32\x09\x0a\x07Greeter";

/// The replies to requests on one stream.
async fn ask(admin: SocketAddr, requests: Vec<MessageRequest>) -> Result<Vec<MessageResponse>, Status> {
    let channel = Endpoint::from_shared(format!("http://{admin}")).unwrap().connect().await.unwrap();
    let request = |request| ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let requests: Vec<_> = requests.into_iter().map(request).collect();
    let asked = ServerReflectionClient::new(channel).server_reflection_info(iter(requests)).await;
    let (mut stream, mut replies) = (asked?.into_inner(), Vec::new());
    while let Some(reply) = stream.message().await? {
        replies.extend(reply.message_response);
    }
    Ok(replies)
}

async fn names_v1alpha(admin: SocketAddr) -> Vec<String> {
    use v1alpha::server_reflection_client::ServerReflectionClient;
    use v1alpha::server_reflection_request::MessageRequest;
    use v1alpha::server_reflection_response::MessageResponse;

    let channel = Endpoint::from_shared(format!("http://{admin}")).unwrap().connect().await.unwrap();
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = v1alpha::ServerReflectionRequest { host: String::new(), message_request };
    let asked = ServerReflectionClient::new(channel).server_reflection_info(iter([request])).await;
    match asked.unwrap().into_inner().message().await.unwrap().unwrap().message_response {
        Some(MessageResponse::ListServicesResponse(listed)) => {
            listed.service.into_iter().map(|service| service.name).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn names(listed: &ListServiceResponse) -> Vec<&str> {
    listed.service.iter().map(|service| service.name.as_str()).collect()
}

#[test]
fn the_admin_listener_shows_services_and_descriptors_and_still_speaks_http1() {
    let mut running = Running::start("reflected", "");
    let admin = running.admin();
    running.wait_for("service ready");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listed = runtime.block_on(ask(
        admin,
        vec![
            MessageRequest::ListServices(String::new()),
            MessageRequest::FileContainingSymbol("test.Greeter".to_owned()),
        ],
    ));
    let listed = listed.unwrap();
    let [MessageResponse::ListServicesResponse(listed), MessageResponse::FileDescriptorResponse(files)] =
        listed.as_slice()
    else {
        panic!("other replies")
    };
    for name in ["test.Greeter", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"] {
        assert!(names(listed).contains(&name), "{listed:?}");
    }
    // The file without the head of its set.
    assert_eq!(files.file_descriptor_proto, [&GREETER[2..]]);
    assert!(runtime.block_on(names_v1alpha(admin)).contains(&"test.Greeter".to_owned()));
    assert_eq!(get(admin, "/health/ready").0, 200);

    // Connections that bring no request do not stay.
    let mut silent = TcpStream::connect_timeout(&admin, LIMIT).unwrap();
    silent.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "closed");

    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn a_service_without_descriptors_has_no_reflection() {
    let mut running = Running::start("idle", "");
    let admin = running.admin();
    running.wait_for("service ready");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let refused = runtime.block_on(ask(admin, vec![MessageRequest::ListServices(String::new())]));
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
}
