use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const CONNECTIONS: &str = "underpin_http_connections";
const ACCEPTED: &str = "underpin_http_connections_accepted_total";
const CLOSED: &str = "underpin_http_connections_closed_total";
const CUT: &str = "underpin_http_requests_cut_total";
#[cfg(feature = "tls")]
const HANDSHAKES: &str = "underpin_http_tls_handshakes_failed_total";
#[cfg(feature = "tls")]
const TLS_FILES: &str = "underpin_http_tls_reloads_total";

pub(super) fn describe() {
    describe_gauge!(CONNECTIONS, Unit::Count, "Open connections, by server");
    describe_counter!(ACCEPTED, "Connections that were accepted, by server");
    describe_counter!(CLOSED, "Connections that reached a limit, by server and limit");
    #[cfg(feature = "tls")]
    {
        describe_counter!(HANDSHAKES, "TLS handshakes that failed or took too long, by server");
        describe_counter!(TLS_FILES, "Certificates that were loaded again or refused, by server and outcome");
    }
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

#[cfg(feature = "tls")]
pub(super) fn handshake_failed(server: &str) {
    counter!(HANDSHAKES, "server" => server.to_owned()).increment(1);
}

#[cfg(feature = "tls")]
pub(super) fn tls_files(server: &str, outcome: &'static str) {
    counter!(TLS_FILES, "server" => server.to_owned(), "outcome" => outcome).increment(1);
}
