//! Records of `tracing` and `log` in the same stream: once each, with the request id, under the same rules.
//!
//! One process has one subscriber and one logger, so the tests of this file share them and look only at their own lines.

use std::{
    fmt,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value as Json, json};
use underpin_logger::{
    BridgeError, Context, JsonFormat, Level, RequestId, SlogLogger, info, sink::MemorySink,
};

static STREAM: LazyLock<(SlogLogger, MemorySink)> = LazyLock::new(|| {
    let sink = MemorySink::new();
    let log = SlogLogger::json(JsonFormat::new().service("orders")).sink(sink.clone()).build();
    log.install().unwrap();
    (log, sink)
});

/// Rules are the process's: a test that changes them holds this.
fn rules(text: &str) -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    STREAM.0.levels().set(text).unwrap();
    turn
}

/// The lines whose message is `msg`.
fn lines(msg: &str) -> Vec<Json> {
    let all = STREAM.1.lines();
    all.iter()
        .map(|line| serde_json::from_str::<Json>(line).unwrap())
        .filter(|line| line["msg"] == msg)
        .collect()
}

fn request(id: &str) -> Context {
    Context::new(RequestId::parse(id).unwrap())
}

#[test]
fn records_come_once_with_request_id_and_fields() {
    let _turn = rules("info");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(request("req-1").scope(async {
        tracing::warn!(target: "sqlx::pool", waited = 1.5, size = 3_u64, who = %"x", "tracing speaks");
        tokio::task::yield_now().await;
        log::warn!(target: "legacy", count = 7, name = "n"; "log speaks {}", 1);
    }));
    let traced = lines("tracing speaks");
    assert_eq!(traced.len(), 1, "installing both bridges must not double records");
    assert_eq!((&traced[0]["request_id"], &traced[0]["target"]), (&json!("req-1"), &json!("sqlx::pool")));
    assert_eq!(
        (&traced[0]["waited"], &traced[0]["size"], &traced[0]["who"]),
        (&json!(1.5), &json!(3), &json!("x"))
    );
    assert_eq!((&traced[0]["level"], &traced[0]["service"]), (&json!("warn"), &json!("orders")));
    let logged = lines("log speaks 1");
    assert_eq!(logged.len(), 1);
    assert_eq!((&logged[0]["request_id"], &logged[0]["target"]), (&json!("req-1"), &json!("legacy")));
    assert_eq!((&logged[0]["count"], &logged[0]["name"]), (&json!(7), &json!("n")));
}

#[test]
fn sql_is_redacted_also_where_sqlx_repeats_it() {
    let _turn = rules("info");
    tracing::warn!(
        target: "sqlx::query",
        summary = "DELETE FROM t WHERE", db.statement = "DELETE FROM t WHERE card = '4711'", rows_affected = 1,
        "slow statement"
    );
    tracing::warn!(target: "sqlx::query", summary = "SELECT '4711'", "short statement");
    let all = [lines("slow statement"), lines("short statement")].concat();
    assert_eq!((&all[0]["db.statement"], &all[0]["summary"]), (&json!("[redacted]"), &json!("DELETE")));
    assert_eq!(all[1]["summary"], "SELECT");
    assert!(!STREAM.1.text().contains("4711"));
}

#[test]
fn the_key_of_a_key_value_of_log_is_redacted_and_what_is_inside_of_a_map_is_text() {
    let _turn = rules("info");
    let map = std::collections::BTreeMap::from([("password", "in the open")]);
    log::info!(password = "hunter2", login:? = map; "log with a map");
    let line = &lines("log with a map")[0];
    assert_eq!(line["password"], "[redacted]");
    assert_eq!(line["login"], "{\"password\": \"in the open\"}");
}

#[test]
fn fields_of_the_spans_around_are_kept_and_the_nearer_wins() {
    let _turn = rules("info");
    let outer = tracing::info_span!("outer", job = 1, stage = "outer", late = tracing::field::Empty);
    let _in_outer = outer.enter();
    outer.record("late", 9);
    let inner = tracing::info_span!("inner", stage = "inner", shown = ?Some(1));
    let _in_inner = inner.enter();
    tracing::info!(own = true, "inside two spans");
    let line = &lines("inside two spans")[0];
    assert_eq!((&line["own"], &line["stage"], &line["job"]), (&json!(true), &json!("inner"), &json!(1)));
    assert_eq!((&line["shown"], &line["late"]), (&json!("Some(1)"), &json!(9)));
}

#[test]
fn the_fields_of_an_info_span_are_kept_when_only_warnings_are_written() {
    let _turn = rules("warn,sqlx=error");
    let span = tracing::info_span!("span", job = 7);
    let _inside = span.enter();
    let quieted = tracing::info_span!(target: "sqlx::pool", "quieted", pool = "main");
    let _inside_both = quieted.enter();
    tracing::info!("not written");
    tracing::warn!("written");
    assert!(lines("not written").is_empty());
    assert_eq!((&lines("written")[0]["job"], &lines("written")[0]["pool"]), (&json!(7), &json!("main")));
}

#[test]
fn a_value_that_panics_inside_tracing_leaves_a_complete_line() {
    struct Bad;
    impl fmt::Debug for Bad {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no text")
        }
    }
    let _turn = rules("info");
    let span = tracing::info_span!("span", held = ?Bad);
    let _in_span = span.enter();
    tracing::info!(bad = ?Bad, after = 1, "with a bad value");
    let line = &lines("with a bad value")[0];
    assert_eq!((&line["bad"], &line["held"]), (&json!("[display panicked]"), &json!("[display panicked]")));
    assert_eq!(line["after"], 1);
}

#[test]
fn reserved_keys_cannot_be_forged_through_a_bridge() {
    let _turn = rules("info");
    tracing::info!(level = "fatal", request_id = "forged", "a forger");
    log::info!(msg = "forged", ts = 0; "another forger");
    let (traced, logged) = (&lines("a forger")[0], &lines("another forger")[0]);
    assert_eq!((&traced["level"], &traced["request_id_"]), (&json!("info"), &json!("forged")));
    assert!(traced.get("request_id").is_none() && logged["ts"].is_string());
}

#[test]
fn a_record_without_a_message_is_named_by_its_target() {
    let _turn = rules("info");
    tracing::info!(target: "somewhere", n = 1);
    assert_eq!(lines("somewhere")[0]["n"], 1);
}

#[test]
fn level_rules_change_at_run_time_and_the_caches_of_callsites_follow() {
    let speak = |n: u8| {
        tracing::debug!(target: "async_nats::client", n, "tracing at debug");
        log::debug!(target: "legacy", n; "log at debug");
    };
    let count = || (lines("tracing at debug").len(), lines("log at debug").len());
    {
        let _turn = rules("info");
        speak(1);
        assert_eq!(count(), (0, 0));
    }
    {
        let _turn = rules("info,async-nats=debug,legacy=debug");
        speak(2);
        assert_eq!(count(), (1, 1), "the callsite has said no before and must ask again");
    }
    let _turn = rules("debug");
    speak(3);
    assert_eq!(count(), (1, 2), "debug for all means the service, not its noisy dependencies");
}

#[test]
fn one_request_at_debug_brings_its_dependencies_along() {
    let _turn = rules("info");
    let speak = || tracing::debug!(target: "sqlx::query", "statement of one request");
    speak();
    request("req-2").scope_sync(speak);
    request("req-3").with_level(Level::Debug).scope_sync(speak);
    let lines = lines("statement of one request");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["request_id"], "req-3");
}

#[test]
fn a_second_installation_is_refused() {
    let _turn = rules("info");
    assert_eq!(STREAM.0.install(), Err(BridgeError::TracingTaken));
    info!(STREAM.0, &Context::background(), "still there");
    assert_eq!(lines("still there").len(), 1);
}

#[test]
fn a_span_field_that_logs_inside_of_its_span_does_not_wait_for_itself() {
    struct Talkative;
    impl fmt::Debug for Talkative {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::info!("while a field is written");
            f.write_str("talkative")
        }
    }
    let _turn = rules("info");
    let (sender, ended) = std::sync::mpsc::channel();
    // A separate thread, which a deadlock would keep for ever.
    std::thread::spawn(move || {
        let span = tracing::info_span!("work", first = ?Talkative, later = tracing::field::Empty);
        let _entered = span.enter();
        span.record("later", tracing::field::debug(Talkative));
        tracing::info!(own = ?Talkative, "talked");
        sender.send(()).unwrap();
    });
    ended.recv_timeout(std::time::Duration::from_secs(30)).expect("a call waits for itself");
    let talked = lines("talked");
    assert_eq!(["own", "first", "later"].map(|field| &talked[0][field]), [&json!("talkative"); 3]);
    assert_eq!(lines("while a field is written").len(), 3);
}
