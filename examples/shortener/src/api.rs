//! Calls over NATS, with the limits of the routes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use underpin_errors::Error;
use underpin_rpc::{Call, Method, Service};

use crate::click::{LinkStats, Today};
use crate::limit::{Limits, Operation};
use crate::link::NewLink;
use crate::shortener::{ShortLink, Shortener};

/// `api.getData`: the statistics of a link.
const GET_DATA: Method<Lookup, LinkStats> = Method::new("api", "getData").idempotent();
/// `api.createOrder`: orders a link. Not idempotent, since a repeat without a code of its own makes another link.
const CREATE_ORDER: Method<NewLink, ShortLink> = Method::new("api", "createOrder");
/// `api.getStatus`: the sums of today.
const GET_STATUS: Method<Nothing, Status> = Method::new("api", "getStatus").idempotent();

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lookup {
    short_code: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Serialize)]
struct Status {
    status: &'static str,
    today: Today,
}

/// The service `api`. A call that is refused fails with `RESOURCE_EXHAUSTED` and the time to wait.
pub(crate) fn service(shortener: &Arc<Shortener>, limits: &Limits) -> Service {
    let api = Service::new("api", env!("CARGO_PKG_VERSION")).description("short links");
    let api = limited(api.on_with(&GET_DATA, Arc::clone(shortener), get_data), limits, Operation::Read);
    let api =
        limited(api.on_with(&CREATE_ORDER, Arc::clone(shortener), create_order), limits, Operation::Create);
    limited(api.on_with(&GET_STATUS, Arc::clone(shortener), get_status), limits, Operation::Read)
}

/// Puts the limits around the endpoint added last. The layer added last runs first.
fn limited(service: Service, limits: &Limits, operation: Operation) -> Service {
    service.layer(limits.all_calls()).layer(limits.calls(operation))
}

async fn get_data(shortener: Arc<Shortener>, lookup: Lookup, call: Call) -> Result<LinkStats, Error> {
    shortener.stats(call.context(), &lookup.short_code).await
}

async fn create_order(shortener: Arc<Shortener>, new: NewLink, call: Call) -> Result<ShortLink, Error> {
    Ok(shortener.shorten(call.context(), &new).await?.0)
}

async fn get_status(shortener: Arc<Shortener>, _: Nothing, call: Call) -> Result<Status, Error> {
    Ok(Status { status: "ready", today: shortener.today(call.context()).await? })
}
