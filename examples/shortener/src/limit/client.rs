//! Who is a client.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use underpin_rpc::Call;
use underpin_store::client_network;

/// The longest name that a caller may give itself: keys are kept.
const LONGEST: usize = 64;

/// The network of the peer, or what the nearest trusted proxies say. What a client writes into `X-Forwarded-For` itself counts for nothing.
pub(super) fn of_request(request: &Request, trusted_hops: usize) -> String {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let network = client_network(request.headers(), peer, trusted_hops);
    network.map_or_else(|| "http".to_owned(), |network| format!("http:{network}"))
}

/// The header `x-client-id`. A caller can invent one for each call, which helps until the limit of all: where callers are not trusted, put an
/// `AuthenticateLayer` in front and take `call.identity()`.
pub(super) fn of_call(call: &Call) -> String {
    let id = call.headers().get("x-client-id").filter(|id| id.len() <= LONGEST);
    id.map_or_else(|| "nats".to_owned(), |id| format!("nats:{id}"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use underpin_rpc::Endpoint;

    use super::*;

    fn request(forwarded: &str) -> Request {
        let peer = ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 4711)));
        Request::builder().header("x-forwarded-for", forwarded).extension(peer).body(Body::empty()).unwrap()
    }

    #[test]
    fn a_client_cannot_write_its_own_key() {
        assert_eq!(of_request(&request("203.0.113.9"), 0), "http:10.0.0.1");
        // One proxy appended the address that it was called by.
        assert_eq!(of_request(&request("203.0.113.9, 198.51.100.2"), 1), "http:198.51.100.2");
        assert_eq!(of_request(&request("invented"), 1), "http:10.0.0.1");
    }

    #[test]
    fn a_caller_without_a_name_is_one_of_the_nameless() {
        assert_eq!(of_call(&Call::new(Endpoint::new("api", "getData"), "{}")), "nats");
    }
}
