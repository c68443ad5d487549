use std::net::IpAddr;

use http::HeaderMap;

/// The network of a client, as the key of its limit: an IPv4 address, or the /64 of an IPv6 address, since a client has a whole one.
///
/// `trusted_hops` is how many proxies stand in front of the service, each of which appends to `X-Forwarded-For` whom it was called by.
/// The address that many entries from the end, counted over that list and the peer, is the client's; what stands before it, a client can
/// invent. With 0 it is the peer. An entry that is no address, or a list that is too short, falls back to the peer.
///
/// # Examples
/// ```
/// use http::HeaderMap;
/// use underpin_store::client_network;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "203.0.113.7, 198.51.100.2".parse().unwrap());
/// let peer = "10.0.0.1".parse().ok();
/// assert_eq!(client_network(&headers, peer, 0).as_deref(), Some("10.0.0.1"));
/// assert_eq!(client_network(&headers, peer, 1).as_deref(), Some("198.51.100.2"));
/// assert_eq!(client_network(&headers, peer, 2).as_deref(), Some("203.0.113.7"));
/// assert_eq!(client_network(&headers, peer, 3).as_deref(), Some("10.0.0.1"));
/// let peer = "2001:db8:1:2:3:4:5:6".parse().ok();
/// assert_eq!(client_network(&HeaderMap::new(), peer, 1).as_deref(), Some("2001:db8:1:2::/64"));
/// ```
pub fn client_network(headers: &HeaderMap, peer: Option<IpAddr>, trusted_hops: usize) -> Option<String> {
    let forwarded = trusted_hops.checked_sub(1).and_then(|from_end| {
        let lists = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let entries: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
        address(entries.iter().rev().nth(from_end)?)
    });
    forwarded.or(peer).map(network)
}

/// An address, with or without a port.
fn address(entry: &str) -> Option<IpAddr> {
    let plain = entry.parse().ok();
    plain.or_else(|| entry.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
}

fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = std::net::Ipv6Addr::from_bits(address.to_bits() >> 64 << 64);
            format!("{network}/64")
        }
    }
}
