//! A password never shows: not in settings, errors, logs, handles, nor in the spans and events of the libraries below.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use underpin_database::{DatabaseError, DatabaseSettings, Executor, RetrySettings, connect, sql};
use underpin_errors::Report;
use underpin_logger::testing::CaptureLogger;
use underpin_testkit::PostgresDatabase;

/// Keeps every field of every span and event, at every level.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

impl Visit for Everything {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut self.clone());
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

const MARKER: &str = "MARKERx7q9";

/// Everything a program could print after trying this URL.
async fn everything_shown(url: &str) -> String {
    let mut settings = DatabaseSettings::new(url);
    // Port 1 has no listener; elsewhere a busy machine may take its time.
    settings.connect_timeout = Duration::from_millis(if url.contains(":1/") { 100 } else { 20_000 });
    settings.connect_retry = RetrySettings::times(1);
    settings.slow_query = Duration::from_nanos(1);
    let log = CaptureLogger::new();
    let mut shown = format!("{settings:?} {settings:#?} {}", serde_json::to_string(&settings).unwrap());
    let show_error = |error: &DatabaseError| format!("{error} {error:?} {error:#?} {}", Report(error));
    match connect(&settings, Arc::new(log.clone())).await {
        Ok(pool) => {
            write!(shown, "{pool:?} {:?}", pool.settings()).unwrap();
            pool.query_one(sql("SELECT $1::text", [MARKER.into()])).await.unwrap();
            pool.batch("DO $$ BEGIN RAISE WARNING 'traced'; END $$").await.unwrap();
            shown += &show_error(&pool.execute(sql("SELEKT", [])).await.unwrap_err());
            shown += &format!("{:?}", pool.session().await.unwrap());
            shown += &format!("{:?}", pool.listen(&["x"]).await.unwrap());
            shown += &format!("{:?}", pool.health(Duration::from_secs(1)).await);
        }
        Err(error) => {
            shown += &show_error(&error);
            shown += &format!("{:?}", underpin_errors::Error::from(error.clone()));
            shown += &show_error(&DatabaseError::from(sea_orm::DbErr::from(error)));
        }
    }
    shown + &log.to_string()
}

#[tokio::test]
async fn hazard_5_a_password_never_shows_whatever_it_is_and_wherever_it_goes() {
    let traced = Everything::default();
    let _guard = tracing::subscriber::set_default(traced.clone());
    let database = PostgresDatabase::fresh().await;
    let (_, address) = database.url().rsplit_once('@').expect("the test server asks for a password");
    let user = database.name();
    let admin =
        connect(&DatabaseSettings::new(database.url()), Arc::new(CaptureLogger::new())).await.unwrap();
    admin.batch(&format!("CREATE ROLE {user} LOGIN")).await.unwrap();
    let mut connected = 0;
    let mut runner = TestRunner::default();
    let suffixes = proptest::string::string_regex("[ -~é]{0,20}").unwrap();
    for round in 0..24 {
        let suffix = suffixes.new_tree(&mut runner).unwrap().current();
        let plain = format!("{MARKER}{suffix}");
        let alter = format!("ALTER ROLE {user} PASSWORD '{}'", plain.replace('\'', "''"));
        admin.batch(&alter).await.unwrap();
        let password = utf8_percent_encode(&plain, NON_ALPHANUMERIC).to_string();
        // Percent-encoded letters hide the marker in the URL itself; decoded, it must not appear either.
        let password = if round % 2 == 0 { password } else { password.replacen("MARKER", "%4DARKER", 1) };
        let url = match round % 6 {
            0 => format!("postgres://{user}:{password}@{address}"),
            1 => format!("postgres://u:{password}@127.0.0.1:1/x"),
            2 => format!("postgres://u:{password}@127.0.0.1:1:1/x"),
            3 => format!("postgres://u:{password}@h/x?sslmode={password}&{password}=1"),
            4 => format!("oracle://u:{password}@h/x"),
            _ => format!("postgres://{user}@{address}?password={password}"),
        };
        let shown = everything_shown(&url).await;
        connected += usize::from(shown.contains("Session"));
        for secret in [MARKER, password.as_str(), "ARKERx7q9"] {
            assert!(!shown.contains(secret), "{url} shows in:\n{shown}");
        }
    }
    admin.batch(&format!("DROP ROLE {user}")).await.unwrap();
    assert_eq!(connected, 8, "a third of the URLs is right");
    let traced = traced.0.lock().unwrap();
    assert!(traced.contains("traced"), "what the libraries below trace was seen");
    assert!(!traced.contains("ARKERx7q9"), "{traced}");
}
