//! An export whose collector takes nothing holds no more after fifty thousand spans than after the first two thousand, and counts each of them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use underpin_logger::{Context, NoopLogger, RequestId, SpanKind};
use underpin_telemetry::{OtlpSettings, ServiceIdentity, Telemetry, TelemetrySettings};
use underpin_testkit::eventually_blocking;

use crate::allocator::{alone, live};

const LIMIT: Duration = Duration::from_secs(60);
/// Spans that wait at most.
const QUEUE: usize = 1000;
const FIRST: u64 = 2000;
const MORE: u64 = 50_000;

/// Answers every request with this status.
fn answer(stream: TcpStream, status: u16) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        let head = format!("HTTP/1.1 {status} no\r\ncontent-length: 0\r\n\r\n");
        if line.is_empty() || stream.read_exact(&mut body).is_err() {
            return;
        }
        if stream.get_mut().write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}

fn record(count: u64) {
    let root = Context::new(RequestId::generate()).entry_span("GET", SpanKind::Server);
    assert!(root.is_recording(), "the sink is installed");
    (1..count).for_each(|_| drop(root.ctx().span("work", SpanKind::Internal)));
}

fn dropped(telemetry: &Telemetry) -> u64 {
    let text = telemetry.metrics().unwrap().render();
    let lines = text.lines().filter(|line| line.starts_with("underpin_telemetry_dropped_total"));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

fn stays_flat(what: &str, url: &str) {
    let mut otlp = OtlpSettings::default().endpoint(url).interval(Duration::from_millis(50));
    (otlp.span_queue, otlp.logs) = (QUEUE, false);
    let settings = TelemetrySettings::default().otlp(otlp);
    let identity = ServiceIdentity::new("orders", "1.0.0");
    let telemetry = Telemetry::start(&settings, &identity, Arc::new(NoopLogger)).unwrap();
    let before = dropped(&telemetry);
    record(FIRST);
    let first = live();
    record(MORE);
    let more = live();
    // Of fifty thousand spans that were kept it would be more than ten.
    assert!(more - first < 1 << 20, "{what}: {} bytes more", more - first);
    let _late = telemetry.stop_now(Duration::from_millis(300));
    let all = || dropped(&telemetry) - before;
    eventually_blocking(LIMIT, format!("{what}: a count of {}", FIRST + MORE), || all() == FIRST + MORE);
}

#[test]
fn a_collector_that_takes_nothing_costs_no_memory() {
    let _turn = alone();
    let listen = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    };
    let (closed, url) = listen();
    drop(closed);
    stays_flat("down", &url);
    let (_accepts_nothing, url) = listen();
    stays_flat("without an answer", &url);
    for status in [413, 429, 503] {
        let (listener, url) = listen();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || answer(stream, status));
            }
        });
        stays_flat(&format!("with {status}"), &url);
    }
}
