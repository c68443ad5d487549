//! Subjects that the permissions of the server forbid, and those that are needed.

use underpin_nats::AuthSettings;
use underpin_rpc::memory::MemoryRpc;
use underpin_rpc::{Caller, CallerExt, Host, Permissions, RpcError, Service};
use underpin_testkit::NatsServer;

use crate::support::{connect_with, echo, request, settings};

async fn server(users: &[(&str, String)]) -> NatsServer {
    let user =
        |(name, permissions): &(&str, String)| format!("{{ user: {name}, password: pw, {permissions} }}");
    let users: Vec<_> = users.iter().map(user).collect();
    NatsServer::private_with(&format!("authorization {{ users: [ {} ] }}", users.join(", "))).await
}

async fn login(server: &NatsServer, user: &str) -> underpin_rpc::nats::NatsRpc {
    let auth = AuthSettings::default().user(user).password("pw".to_owned());
    connect_with(&settings(server.url()).auth(auth)).await
}

fn service() -> Service {
    Service::new("guarded", "1.0.0").endpoint("echo", echo())
}

#[tokio::test]
async fn the_printed_permissions_are_enough() {
    let info = MemoryRpc::new().serve(service()).await.unwrap().info();
    let caller = Permissions::caller(service().subjects()).and(Permissions::caller(["$SRV.INFO.guarded"]));
    let users = [("svc", Permissions::service(&info).to_string()), ("app", caller.to_string())];
    let server = server(&users).await;
    let running = login(&server, "svc").await.serve(service()).await.unwrap();
    let caller = login(&server, "app").await;
    assert_eq!(caller.call(request("guarded.echo", "x")).await.unwrap().body, "x");
    let found = caller.services(Some("guarded"), std::time::Duration::from_secs(3)).await.unwrap();
    assert_eq!(found, [running.info()]);
    running.drain(crate::support::LIMIT).await;
    let gone = caller.call(request("guarded.echo", "x")).await;
    assert!(matches!(gone, Err(RpcError::NoResponders { .. })), "{gone:?}");
}

#[tokio::test]
async fn a_forbidden_subject_is_reported_to_the_service_and_to_the_caller() {
    let denied =
        "permissions: { subscribe: { deny: [\"guarded.echo\"] }, publish: { deny: [\"guarded.echo\"] } }";
    let server = server(&[("svc", denied.to_owned())]).await;
    let rpc = login(&server, "svc").await;
    let refused = rpc.serve(service()).await.err();
    assert!(matches!(refused, Some(RpcError::Unauthorized(_))), "{refused:?}");
    let refused = rpc.call(request("guarded.echo", "x")).await;
    assert!(matches!(refused, Err(RpcError::Unauthorized(_))), "{refused:?}");
}
