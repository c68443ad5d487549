//! What gets through: levels, the flight recorder, sampling, and slog on either side.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value as Json;
use underpin_logger::{
    Context, JsonDrain, JsonFormat, Level, LevelHandle, LevelRules, Logger, LoggerBuilder, RequestId,
    Sampling, SlogLogger, debug, error, info, sink::MemorySink, trace, warn,
};

fn logger(with: impl FnOnce(LoggerBuilder) -> LoggerBuilder) -> (SlogLogger, MemorySink) {
    let sink = MemorySink::new();
    (with(SlogLogger::json(JsonFormat::new())).sink(sink.clone()).build(), sink)
}

fn messages(sink: &MemorySink) -> Vec<String> {
    let parsed = sink.lines().into_iter().map(|line| serde_json::from_str::<Json>(&line).unwrap());
    parsed.map(|line| line["msg"].as_str().unwrap().to_owned()).collect()
}

fn request(id: &str) -> Context {
    Context::new(RequestId::parse(id).unwrap())
}

#[test]
fn a_flight_recorder_writes_the_detail_of_a_request_that_fails_and_of_no_other() {
    let (log, sink) = logger(|builder| builder);
    let failed = io::Error::other("disk full");
    let (good, bad) = (request("good").with_flight_recorder(4096), request("bad").with_flight_recorder(4096));
    for ctx in [&good, &bad] {
        trace!(log, ctx, "never held");
        debug!(log, ctx, "stock looked up");
        info!(log, ctx, "order accepted");
        debug!(log, &ctx.child_span(), "payment asked");
    }
    assert_eq!(messages(&sink), ["order accepted", "order accepted"]);
    error!(log, &bad, &failed, "order lost");
    let all = messages(&sink);
    assert_eq!(all[2..], ["stock looked up", "payment asked", "order lost"]);
    let lines: Vec<Json> = sink.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[2..].iter().all(|line| line["request_id"] == "bad"));
    assert!(lines[2]["ts"].as_str() < lines[1]["ts"].as_str(), "stamped when it happened");
    error!(log, &bad, &failed, "again");
    assert_eq!(messages(&sink).len(), 6, "held lines are written once");
}

#[test]
fn a_flight_recorder_is_bounded_and_keeps_the_latest() {
    let (log, sink) = logger(|builder| builder);
    let ctx = request("r").with_flight_recorder(2000);
    (0..1000).for_each(|n| debug!(log, &ctx, "step", n));
    error!(log, &ctx, "failed");
    let lines = sink.lines();
    assert!(sink.text().len() < 2500 && lines.len() > 5, "{} lines", lines.len());
    assert!(lines[lines.len() - 2].contains("\"n\":999"));
}

#[test]
fn a_level_of_one_context_adds_and_never_silences() {
    let (log, sink) = logger(|builder| builder.levels("warn".parse().unwrap()));
    debug!(log, &request("a"), "no");
    debug!(log, &request("b").with_level(Level::Debug), "yes");
    warn!(log, &request("c").with_level(Level::Fatal), "yes too");
    assert_eq!(messages(&sink), ["yes", "yes too"]);
}

#[test]
fn sampling_leaves_out_what_repeats_and_says_so() {
    let (log, sink) = logger(|builder| builder.sampling(Sampling::new().first(10).then_every(0)));
    let ctx = Context::background();
    for _ in 0..1000 {
        info!(log, &ctx, "tick");
        error!(log, &ctx, "always");
    }
    info!(log, &request("r").with_level(Level::Info), "tick");
    let count = |msg: &str| messages(&sink).iter().filter(|line| *line == msg).count();
    assert_eq!(count("always"), 1000);
    let seconds = 1 + count("log records left out");
    assert!(count("tick") <= 10 * seconds + 1, "{} in {seconds} s at most", count("tick"));
    assert!(count("log records left out") >= 1);
}

#[test]
fn a_flush_reports_what_sampling_left_out_last() {
    let (log, sink) = logger(|builder| builder.sampling(Sampling::new().first(1).then_every(0)));
    (0..1000).for_each(|n| info!(log, &Context::background(), "tick", n));
    let told = || {
        let lines = sink.lines();
        let parsed = lines.iter().map(|line| serde_json::from_str::<Json>(line).unwrap());
        parsed.filter_map(|line| line["left_out"].as_u64()).sum::<u64>()
    };
    let ticks = || messages(&sink).iter().filter(|line| *line == "tick").count() as u64;
    log.flush(Duration::from_secs(1)).unwrap();
    assert_eq!((ticks() + told(), log.dropped()), (1000, 0));
    let lines = sink.lines().len();
    log.flush(Duration::from_secs(1)).unwrap();
    assert_eq!(sink.lines().len(), lines, "told once");
}

#[test]
fn fields_keep_their_order_on_the_way_through_slog() {
    struct Keep(Mutex<Vec<String>>);
    struct Keys<'k>(&'k mut Vec<String>);
    impl slog::Serializer for Keys<'_> {
        fn emit_arguments(&mut self, key: slog::Key, value: &std::fmt::Arguments<'_>) -> slog::Result {
            self.0.push(format!("{key}={value}"));
            Ok(())
        }
    }
    impl slog::Drain for Keep {
        type Ok = ();
        type Err = slog::Never;
        fn log(&self, record: &slog::Record<'_>, values: &slog::OwnedKVList) -> Result<(), slog::Never> {
            use slog::KV as _;
            let mut kept = self.0.lock().unwrap();
            kept.push(format!("{} {} {}", record.level(), record.tag(), record.msg()));
            record.kv().serialize(record, &mut Keys(&mut kept)).unwrap();
            values.serialize(record, &mut Keys(&mut kept)).unwrap();
            Ok(())
        }
    }
    let keep = Arc::new(Keep(Mutex::default()));
    let slog = slog::Logger::root(Arc::clone(&keep), slog::o!("component" => "x"));
    let log: Arc<dyn Logger> = Arc::new(SlogLogger::from_slog(slog, LevelRules::level(Level::Info)));
    let failed = io::Error::other("disk full");
    debug!(log, &request("r"), "no");
    error!(
        log,
        &request("r"),
        &failed,
        "order lost",
        a = 1,
        b = "two",
        password = "hunter2",
        c = Duration::from_millis(3),
        request_id = "forged",
        error = "theirs",
    );
    log.flush(Duration::from_secs(1)).unwrap();
    assert_eq!(
        *keep.0.lock().unwrap(),
        [
            "ERRO it::flow order lost",
            "request_id=r",
            "error=disk full",
            "a=1",
            "b=two",
            "password=[redacted]",
            "c=3ms",
            "request_id_=forged",
            "error_=theirs",
            "component=x"
        ]
    );
}

#[test]
fn debug_records_are_there_whatever_the_build_profile_and_rules_hold_for_slog_too() {
    let (log, sink) = logger(|builder| builder.levels("info,it::flow=trace".parse().unwrap()));
    let slog = log.slog();
    slog::trace!(slog, "slog at trace");
    trace!(log, &Context::background(), "entry at trace");
    log.levels().set("info").unwrap();
    slog::debug!(slog, "slog at debug");
    debug!(log, &Context::background(), "entry at debug");
    assert_eq!(messages(&sink), ["slog at trace", "entry at trace"]);
}

#[tokio::test]
async fn slog_records_carry_the_context_in_scope() {
    let sink = MemorySink::new();
    let drain = JsonDrain::with(
        sink.clone(),
        JsonFormat::new().service("s"),
        LevelHandle::new(LevelRules::default()),
    );
    let slog = slog::Logger::root(drain, slog::o!());
    request("r-1").scope(async { slog::info!(slog, "in scope") }).await;
    let line: Json = serde_json::from_str(&sink.text()).unwrap();
    assert_eq!(
        (&line["request_id"], &line["service"], &line["target"]),
        (&"r-1".into(), &"s".into(), &"it::flow".into())
    );
}
