//! What travels with a call.

use std::sync::Arc;

use underpin_errors::{Error, Kind};
use underpin_logger::{Context, RequestId, TraceParent, TraceState};

use super::{Harness, Rpc, request};
use crate::call::Call;
use crate::handler::{handler_fn, handler_fn_with};
use crate::identity::Identity;
use crate::layer::{AuthenticateLayer, ForwardedIdentity};
use crate::request::{Reply, Request};
use crate::service::Service;

fn told(ctx: &Context) -> String {
    let trace = ctx.trace().map(TraceParent::trace_id).unwrap_or_default();
    let id = ctx.request_id().map(RequestId::as_str).unwrap_or_default();
    format!("{id} {trace} {}", ctx.tracestate().unwrap_or_default())
}

pub async fn request_id_and_trace_arrive(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let inner = handler_fn(|call: Call| async move {
        assert_eq!(told(&Context::current()), told(call.context()), "the context is in scope");
        Ok(Reply::new(told(call.context())))
    });
    let outer = handler_fn_with(Arc::clone(&rpc), async |rpc: Arc<dyn Rpc>, call: Call| {
        Ok(rpc.call(Request::new("propagation.inner", "", call.context())).await?)
    });
    let service = Service::new("propagation", "1.0.0").endpoint("inner", inner).endpoint("outer", outer);
    let _running = rpc.serve(service).await.unwrap();
    let ctx = Context::new(RequestId::parse("req-42").unwrap())
        .with_trace(TraceParent::generate())
        .with_trace_state(TraceState::parse("rojo=1").unwrap());
    let reply = rpc.call(Request::new("propagation.outer", "", &ctx)).await.unwrap();
    assert_eq!(reply.body, told(&ctx));
    let fresh = rpc.call(request("propagation.inner", "")).await.unwrap();
    assert!(fresh.body.len() > 60, "a request without them gets its own: {:?}", fresh.body);
}

pub async fn the_identity_travels_only_when_asked(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let whoami = handler_fn(|call: Call| async move {
        let who = call.identity().map(Identity::subject).unwrap_or_default().to_owned();
        Ok(Reply::new(format!("{who} of {}", call.context().organization_id().unwrap_or_default())))
    });
    let relay = handler_fn_with(Arc::clone(&rpc), async |rpc: Arc<dyn Rpc>, call: Call| {
        let identity = call.identity().cloned().ok_or_else(|| Error::internal("not authenticated"))?;
        let request = Request::new("propagation.whoami", "", call.context());
        let request = if &call.body()[..] == b"ask" { request.on_behalf_of(&identity) } else { request };
        Ok(rpc.call(request).await?)
    });
    let service = Service::new("propagation", "1.0.0")
        .endpoint("whoami", whoami)
        .endpoint("relay", relay)
        .layer_all(AuthenticateLayer::new(ForwardedIdentity::new()));
    let _running = rpc.serve(service).await.unwrap();
    let alice = Identity::new("alice").organization("acme");
    let asked = rpc.call(request("propagation.relay", "ask").on_behalf_of(&alice)).await.unwrap();
    assert_eq!(asked.body, "alice of acme");
    let error =
        Error::from(rpc.call(request("propagation.relay", "").on_behalf_of(&alice)).await.unwrap_err());
    assert_eq!(error.kind(), Kind::Unauthenticated);
}
