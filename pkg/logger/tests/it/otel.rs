//! Export to an OpenTelemetry collector, against a stub of one.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::{Value as Json, json};
use underpin_config::{ByteSize, Checks};
use underpin_logger::{
    Context, FlushError, JsonFormat, LogFormat, LogOutput, Logger, LoggerSettings, RequestId, SlogLogger,
    error, info, init,
    otel::OtlpSettings,
    sink::{MemorySink, TeeSink},
};

const SOON: Duration = Duration::from_secs(20);

/// A collector that answers with these statuses, one after the other, then with 200; what it was sent comes out of the
/// channel with the status that it gave.
fn collector(listener: TcpListener, statuses: &'static [u16]) -> mpsc::Receiver<(u16, Json)> {
    let mut statuses = statuses.iter().copied();
    collector_that(listener, move |_| statuses.next().unwrap_or(200))
}

/// A collector that judges each request.
fn collector_that(
    listener: TcpListener,
    mut judge: impl FnMut(&Json) -> u16 + Send + 'static,
) -> mpsc::Receiver<(u16, Json)> {
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            if sender.send(answer(stream.unwrap(), &mut judge)).is_err() {
                return;
            }
        }
    });
    requests
}

fn answer(mut stream: TcpStream, judge: &mut impl FnMut(&Json) -> u16) -> (u16, Json) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut head) = (0, String::new());
    while !head.ends_with("\r\n\r\n") {
        let start = head.len();
        reader.read_line(&mut head).unwrap();
        if let Some(value) = head[start..].strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    assert!(
        head.starts_with("POST /v1/logs HTTP/1.1\r\n") && head.contains("content-type: application/json\r\n")
    );
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = serde_json::from_slice(&body).unwrap();
    let status = judge(&request);
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\n{{}}").unwrap();
    (status, request)
}

fn listener() -> (TcpListener, OtlpSettings) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/logs", listener.local_addr().unwrap());
    (listener, OtlpSettings::default().endpoint(endpoint))
}

fn logger(settings: &OtlpSettings) -> SlogLogger {
    SlogLogger::json(JsonFormat::new().service("orders")).sink(settings.sink().unwrap()).build()
}

fn records(request: &Json) -> &Vec<Json> {
    request["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().unwrap()
}

#[test]
fn a_record_arrives_with_time_severity_trace_and_typed_attributes() {
    let (listener, settings) = listener();
    let requests = collector(listener, &[]);
    let log = logger(&settings);
    let ctx = Context::new(RequestId::parse("req-1").unwrap())
        .with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .unwrap();
    let failure = std::io::Error::other("disk full");
    error!(
        log,
        &ctx,
        &failure,
        "order lost",
        items = 3,
        ratio = 0.5,
        paid = true,
        gone = None::<u8>,
        most = u64::MAX
    );
    log.flush(SOON).unwrap();
    let (_, request) = requests.recv_timeout(SOON).unwrap();
    let resource = &request["resourceLogs"][0]["resource"]["attributes"];
    assert_eq!(*resource, json!([{"key": "service.name", "value": {"stringValue": "orders"}}]));
    let record = &records(&request)[0];
    assert_eq!((&record["severityNumber"], &record["severityText"]), (&json!(17), &json!("error")));
    assert_eq!(record["body"], json!({"stringValue": "order lost"}));
    assert_eq!(record["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(record["spanId"], "00f067aa0ba902b7");
    let nanos: u128 = record["timeUnixNano"].as_str().unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    assert!(nanos <= now && now - nanos < SOON.as_nanos());
    let attribute = |key: &str| {
        let found = record["attributes"].as_array().unwrap().iter().find(|attribute| attribute["key"] == key);
        found.unwrap_or_else(|| panic!("no {key} in {record}"))["value"].clone()
    };
    assert_eq!(attribute("request_id"), json!({"stringValue": "req-1"}));
    assert_eq!(attribute("items"), json!({"intValue": "3"}));
    assert_eq!(attribute("ratio"), json!({"doubleValue": 0.5}));
    assert_eq!(attribute("paid"), json!({"boolValue": true}));
    assert_eq!(attribute("gone"), json!({}));
    assert_eq!(attribute("most"), json!({"stringValue": u64::MAX.to_string()}));
    assert_eq!(attribute("error"), json!({"arrayValue": {"values": [{"stringValue": "disk full"}]}}));
}

#[test]
fn a_busy_collector_gets_the_same_batch_again() {
    let (listener, settings) = listener();
    let requests = collector(listener, &[503, 429]);
    let log = logger(&settings);
    info!(log, &Context::background(), "order accepted");
    log.flush(SOON).unwrap();
    let answers: Vec<_> = (0..3).map(|_| requests.recv_timeout(SOON).unwrap()).collect();
    assert_eq!(answers.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [503, 429, 200]);
    assert_eq!((&answers[0].1, log.dropped()), (&answers[2].1, 0));
}

#[test]
fn a_batch_that_the_collector_refuses_is_counted_and_the_next_one_goes_out() {
    let (listener, settings) = listener();
    let requests = collector(listener, &[400]);
    let log = logger(&settings);
    info!(log, &Context::background(), "refused");
    assert!(matches!(log.flush(SOON), Err(FlushError::Sink(_))));
    assert_eq!(log.dropped(), 1);
    info!(log, &Context::background(), "accepted");
    log.flush(SOON).unwrap();
    let (_, second) = requests.iter().find(|(status, _)| *status == 200).unwrap();
    assert_eq!(records(&second)[0]["body"]["stringValue"], "accepted");
}

#[test]
fn a_collector_that_is_away_at_first_loses_nothing_and_blocks_no_caller() {
    let (listener, settings) = listener();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let lines = MemorySink::new();
    let sinks = TeeSink::new().and(lines.clone()).and(settings.sink().unwrap());
    let log = SlogLogger::json(JsonFormat::new()).sink(sinks).build();
    (0..100).for_each(|n| info!(log, &Context::background(), "record", n));
    assert_eq!(lines.lines().len(), 100, "the other sink has them all");
    assert!(matches!(log.flush(Duration::from_millis(50)), Err(FlushError::TimedOut { .. })));
    let requests = collector(TcpListener::bind(address).unwrap(), &[]);
    log.flush(SOON).unwrap();
    assert_eq!(log.dropped(), 0);
    // The stub answers first and reports then, so its reports are waited for.
    let mut arrived = 0;
    while arrived < 100 {
        arrived += records(&requests.recv_timeout(SOON).unwrap().1).len();
    }
    assert_eq!(arrived, 100);
}

/// The numbers of the records of a request, by their attribute `n`.
fn numbers(request: &Json) -> Vec<u64> {
    let of = |record: &Json| {
        let attributes = record["attributes"].as_array().unwrap();
        let n = attributes.iter().find(|attribute| attribute["key"] == "n").unwrap();
        n["value"]["intValue"].as_str().unwrap().parse().unwrap()
    };
    records(request).iter().map(of).collect()
}

/// A logger behind which a collector comes up only when `count` records of about 300 bytes wait for it.
fn backlog(
    count: u64,
    judge: impl FnMut(&Json) -> u16 + Send + 'static,
) -> (SlogLogger, mpsc::Receiver<(u16, Json)>) {
    let (listener, settings) = listener();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let log = logger(&settings);
    let text = "x".repeat(200);
    (0..count).for_each(|n| info!(log, &Context::background(), "record", n, text = text.as_str()));
    (log, collector_that(TcpListener::bind(address).unwrap(), judge))
}

/// The numbers that a collector accepted, until there are `count` of them.
fn accepted(requests: &mpsc::Receiver<(u16, Json)>, count: usize) -> Vec<u64> {
    let mut arrived = Vec::new();
    while arrived.len() < count {
        let (status, request) = requests.recv_timeout(SOON).unwrap();
        if status == 200 {
            arrived.extend(numbers(&request));
        }
    }
    arrived
}

#[test]
fn a_backlog_goes_out_in_requests_of_64_kib_of_lines() {
    let (sizes, seen) = mpsc::channel();
    let (log, requests) = backlog(2_000, move |request| {
        sizes.send(records(request).len()).unwrap();
        200
    });
    log.flush(SOON).unwrap();
    assert_eq!(accepted(&requests, 2_000), (0..2_000).collect::<Vec<_>>());
    let most = seen.try_iter().max().unwrap();
    assert!((100..300).contains(&most), "a line has some 300 bytes, a request had {most}");
}

#[test]
fn a_request_that_is_too_large_for_the_collector_is_halved_until_it_fits() {
    let (log, requests) = backlog(1_000, |request| if records(request).len() > 20 { 413 } else { 200 });
    log.flush(SOON).unwrap();
    assert_eq!(accepted(&requests, 1_000), (0..1_000).collect::<Vec<_>>());
    assert_eq!(log.dropped(), 0);
}

#[test]
fn a_record_that_the_collector_refuses_takes_no_others_along() {
    let (log, requests) = backlog(300, |request| if numbers(request).contains(&7) { 413 } else { 200 });
    assert!(matches!(log.flush(SOON), Err(FlushError::Sink(_))));
    assert_eq!(accepted(&requests, 299), (0..300).filter(|n| *n != 7).collect::<Vec<_>>());
    assert_eq!(log.dropped(), 1);
}

#[test]
fn a_request_that_the_collector_refuses_takes_no_other_along() {
    let (log, requests) = backlog(1_000, |request| if numbers(request).contains(&7) { 400 } else { 200 });
    assert!(matches!(log.flush(SOON), Err(FlushError::Sink(_))));
    let refused = log.dropped();
    assert!((100..300).contains(&refused), "{refused}");
    assert_eq!(accepted(&requests, 1_000 - refused as usize), (refused..1_000).collect::<Vec<_>>());
}

#[test]
fn an_endpoint_that_is_not_plain_http_is_refused() {
    let settings = OtlpSettings::default().endpoint("https://collector:4318/v1/logs");
    assert!(settings.sink().is_err());
    assert_eq!(Checks::of(&settings).failures().len(), 1);
    assert!(Checks::of(&OtlpSettings::default()).failures().is_empty());
    for settings in [
        OtlpSettings::default().timeout(Duration::MAX),
        OtlpSettings::default().timeout(Duration::ZERO),
        OtlpSettings::default().buffer(ByteSize::new(u64::MAX)),
    ] {
        assert_eq!(Checks::of(&settings).failures().len(), 1, "{settings:?}");
    }
}

#[test]
fn a_timeout_that_no_clock_can_hold_exports_all_the_same() {
    let (listener, settings) = listener();
    let requests = collector(listener, &[]);
    let log = logger(&settings.timeout(Duration::MAX));
    info!(log, &Context::background(), "exported", "" = 1, service = "theirs");
    log.flush(SOON).unwrap();
    let (_, request) = requests.recv_timeout(SOON).unwrap();
    let attributes = records(&request)[0]["attributes"].as_array().unwrap();
    let keys: Vec<_> = attributes.iter().map(|attribute| attribute["key"].as_str().unwrap()).collect();
    assert!(keys.contains(&"_") && keys.contains(&"service_") && !keys.contains(&""), "{keys:?}");
}

#[test]
fn a_service_exports_by_its_settings() {
    // `init` sets the subscriber of the process.
    crate::child::alone("otel::a_service_exports_by_its_settings", exports_by_its_settings);
}

fn exports_by_its_settings() {
    let (listener, otlp) = listener();
    let requests = collector(listener, &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.log");
    let settings = LoggerSettings::default().output(LogOutput::File(file.clone())).otlp(otlp);
    assert!(Checks::of(&settings).failures().is_empty());
    let both = settings.clone().format(LogFormat::Terminal);
    assert_eq!(Checks::of(&both).failures()[0].key(), "format");
    let log = init(&settings).unwrap();
    tracing::warn!("a dependency speaks");
    log.logger().flush(SOON).unwrap();
    let (_, request) = requests.recv_timeout(SOON).unwrap();
    assert_eq!(records(&request)[0]["body"]["stringValue"], "a dependency speaks");
    assert!(std::fs::read_to_string(file).unwrap().contains("a dependency speaks"));
}
