use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const CONNECTIONS: &str = "underpin_http_connections";
const ACCEPTED: &str = "underpin_http_connections_accepted_total";
const CLOSED: &str = "underpin_http_connections_closed_total";
const CUT: &str = "underpin_http_requests_cut_total";

pub(super) fn describe() {
    describe_gauge!(CONNECTIONS, Unit::Count, "Open connections, by server");
    describe_counter!(ACCEPTED, "Connections that were accepted, by server");
    describe_counter!(CLOSED, "Connections that reached a limit, by server and limit");
    describe_counter!(CUT, "Requests that were cut off at the stop, by server");
}

pub(super) fn opened(server: &str) {
    gauge!(CONNECTIONS, "server" => server.to_owned()).increment(1.0);
    counter!(ACCEPTED, "server" => server.to_owned()).increment(1);
}

pub(super) fn closed(server: &str) {
    gauge!(CONNECTIONS, "server" => server.to_owned()).decrement(1.0);
}

pub(super) fn limit_reached(server: &str, limit: &'static str) {
    counter!(CLOSED, "server" => server.to_owned(), "limit" => limit).increment(1);
}

pub(super) fn cut(server: &str, requests: usize) {
    counter!(CUT, "server" => server.to_owned()).increment(u64::try_from(requests).unwrap_or(u64::MAX));
}
