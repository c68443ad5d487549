//! Connecting: transient failures are retried, permanent ones are returned at once, and the cause is always kept.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::common::{LIMIT, number};
use underpin_database::{
    Condition, DatabaseError, DatabaseSettings, Executor, Pool, RetrySettings, TlsMode, connect, sql,
};
use underpin_errors::chain;
use underpin_logger::{Level, NoopLogger, testing::CaptureLogger};
use underpin_testkit::{PostgresServer, eventually};

/// One try of half a second.
fn with_short_timeouts(url: impl Into<String>) -> DatabaseSettings {
    let mut settings = DatabaseSettings::new(url);
    settings.connect_timeout = Duration::from_millis(500);
    settings.connect_retry = RetrySettings::times(0);
    settings
}

async fn refused(settings: &DatabaseSettings) -> DatabaseError {
    connect(settings, Arc::new(NoopLogger)).await.expect_err("it cannot be reached")
}

fn io_kind(error: &DatabaseError) -> Option<io::ErrorKind> {
    match error.as_sqlx()? {
        sqlx::Error::Io(error) => Some(error.kind()),
        _ => None,
    }
}

/// Lets the server write a file into its own folder, as its own user.
async fn write_file(admin: &Pool, name: &str, text: &str) {
    let lines = text.replace('\'', "''");
    let copy = format!(
        "COPY (SELECT unnest(string_to_array('{lines}', E'\\n'))) TO PROGRAM 'cat > {name} && chmod 600 {name}'"
    );
    admin.batch(&copy).await.unwrap();
}

/// A server where the role `app` needs the password `right`.
async fn server_with_passwords() -> PostgresServer {
    let server = PostgresServer::private().await;
    let admin = connect(&DatabaseSettings::new(server.url()), Arc::new(NoopLogger)).await.unwrap();
    admin
        .batch("CREATE ROLE app LOGIN PASSWORD 'right'; CREATE ROLE full_up LOGIN CONNECTION LIMIT 0")
        .await
        .unwrap();
    let rules =
        "host all app 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust";
    write_file(&admin, "pg_hba.conf", rules).await;
    admin.batch("SELECT pg_reload_conf()").await.unwrap();
    server
}

fn as_user(server: &PostgresServer, credentials: &str, database: &str) -> String {
    format!("postgres://{credentials}@127.0.0.1:{}/{database}", server.port())
}

#[tokio::test]
async fn a_server_that_is_three_seconds_late_is_found_within_half_a_second() {
    let server = PostgresServer::private().await;
    server.stop().await;
    let (log, settings) = (CaptureLogger::new(), DatabaseSettings::new(server.url()));
    let connecting = tokio::spawn({
        let log = log.clone();
        async move {
            let pool = connect(&settings, Arc::new(log)).await.unwrap();
            (pool, Instant::now())
        }
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!connecting.is_finished());
    server.start().await;
    let ready = Instant::now();
    let (plain, connected) = tokio::join!(crate::common::yardstick(server.url()), connecting);
    let (pool, connected) = connected.unwrap();
    let after = connected.saturating_duration_since(ready);
    assert!(
        after < Duration::from_millis(500) + plain * 2,
        "connected {after:?} after the server was ready, a plain connection took {plain:?}"
    );
    assert_eq!(number(&pool, "SELECT 1::bigint").await, 1);
    log.assert_logged(Level::Info, "database connected");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_told_by_its_cause() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let log = CaptureLogger::new();
    let mut settings = with_short_timeouts(format!("postgres://u:hunter2@127.0.0.1:{port}/x"));
    settings.connect_timeout = Duration::from_millis(50);
    settings.connect_retry = RetrySettings::times(2);
    let error = connect(&settings, Arc::new(log.clone())).await.unwrap_err();
    assert_eq!(
        (error.condition(), io_kind(&error)),
        (Condition::Unreachable, Some(io::ErrorKind::ConnectionRefused))
    );
    assert!(chain(&error).any(|text| text.contains("refused")), "{error:?}");
    assert_eq!(log.entries().len(), 2, "one line for each try that was not the last:\n{log}");
    assert_eq!(log.assert_logged(Level::Warn, "database not reached yet").tag("attempt"), Some("1"));
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_told_apart() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let asked = Instant::now();
    let error =
        refused(&with_short_timeouts(format!("postgres://u@{}/x", silent.local_addr().unwrap()))).await;
    assert!(asked.elapsed() < Duration::from_secs(3));
    assert_eq!(error.to_string(), "the database does not answer");
    assert_eq!(error.condition(), Condition::Unreachable);
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_told_apart() {
    let error = refused(&with_short_timeouts("postgres://u@no-such-host.invalid/x")).await;
    assert_eq!(error.condition(), Condition::Unreachable);
    assert!(io_kind(&error).is_some_and(|kind| kind != io::ErrorKind::ConnectionRefused), "{error:?}");
}

#[tokio::test]
async fn what_cannot_pass_fails_at_once() {
    let server = server_with_passwords().await;
    let log = CaptureLogger::new();
    let mut unencrypted = DatabaseSettings::new(as_user(&server, "app:right", "postgres"));
    unencrypted.tls.mode = Some(TlsMode::Require);
    for (settings, code) in [
        (DatabaseSettings::new(as_user(&server, "app:wrong", "postgres")), Some("28P01")),
        (DatabaseSettings::new(as_user(&server, "app:right", "nowhere")), Some("3D000")),
        (unencrypted, None),
        (DatabaseSettings::new("mysql://u:p@h/x"), None),
    ] {
        let asked = Instant::now();
        let error = connect(&settings, Arc::new(log.clone())).await.unwrap_err();
        assert!(matches!(error.condition(), Condition::Rejected | Condition::Configuration), "{error:?}");
        assert_eq!(error.sql_code().as_deref(), code);
        assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    }
    assert!(log.entries().is_empty(), "nothing was tried twice:\n{log}");
    connect(&DatabaseSettings::new(as_user(&server, "app:right", "postgres")), Arc::new(log)).await.unwrap();
}

#[tokio::test]
async fn a_server_without_room_is_told_apart() {
    let server = server_with_passwords().await;
    let error = refused(&with_short_timeouts(as_user(&server, "full_up", "postgres"))).await;
    assert_eq!((error.condition(), error.sql_code().as_deref()), (Condition::Saturated, Some("53300")));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_caller_learns_that_the_server_is_down_and_not_only_that_it_waited() {
    let server = PostgresServer::private().await;
    let mut settings = DatabaseSettings::new(server.url());
    settings.max_open = 1;
    settings.acquire_timeout = Duration::from_millis(300);
    let pool = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    server.stop().await;
    let errors = futures_util::future::join_all((0..5).map(|_| pool.query_one(sql("SELECT 1", [])))).await;
    for outcome in errors {
        let error = outcome.unwrap_err();
        assert!(
            matches!(
                error.condition(),
                Condition::Unreachable | Condition::Interrupted | Condition::Ambiguous
            ),
            "{error:?}"
        );
    }
    let error = pool.query_one(sql("SELECT 1", [])).await.unwrap_err();
    assert!(chain(&error).any(|text| text.contains("refused")), "{error:?}");
}

#[tokio::test]
async fn certificates_are_checked_as_asked() {
    let server = PostgresServer::private().await;
    let admin = connect(&DatabaseSettings::new(server.url()), Arc::new(NoopLogger)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (certificates(&folder, "ours"), certificates(&folder, "other"));
    write_file(&admin, "server.crt", &authority.certificate).await;
    write_file(&admin, "server.key", &authority.key).await;
    admin.batch("ALTER SYSTEM SET ssl = on").await.unwrap();
    admin.batch("SELECT pg_reload_conf()").await.unwrap();
    let try_with = async |host: &str, mode: TlsMode, root: Option<&std::path::Path>| {
        let mut settings = with_short_timeouts(server.url().replace("127.0.0.1", host));
        settings.connect_timeout = Duration::from_secs(5);
        settings.tls.mode = Some(mode);
        settings.tls.root_certificate = root.map(Into::into);
        let pool = connect(&settings, Arc::new(NoopLogger)).await?;
        let ssl = sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", []);
        Ok::<bool, DatabaseError>(pool.query_one(ssl).await?.unwrap().try_get_by_index(0)?)
    };
    let on = "SELECT count(*) FROM pg_settings WHERE name = 'ssl' AND setting = 'on'";
    eventually(LIMIT, "TLS is on", async || number(&admin, on).await == 1).await;
    let (ours, others) = (authority.root.as_path(), other.root.as_path());
    assert!(try_with("localhost", TlsMode::VerifyFull, Some(ours)).await.unwrap(), "encrypted and verified");
    assert!(try_with("127.0.0.1", TlsMode::VerifyCa, Some(ours)).await.unwrap(), "the name is not looked at");
    assert!(try_with("127.0.0.1", TlsMode::Prefer, None).await.unwrap());
    assert!(!try_with("127.0.0.1", TlsMode::Disable, None).await.unwrap());
    for (host, mode, root) in [
        ("127.0.0.1", TlsMode::VerifyFull, ours),
        ("localhost", TlsMode::VerifyFull, others),
        ("localhost", TlsMode::VerifyCa, others),
    ] {
        let error = try_with(host, mode, Some(root)).await.unwrap_err();
        assert_eq!(error.condition(), Condition::Rejected, "{mode:?} {error:?}");
    }
}

struct Certificates {
    root: std::path::PathBuf,
    certificate: String,
    key: String,
}

/// An authority and a certificate for `localhost`, made by openssl.
fn certificates(folder: &tempfile::TempDir, name: &str) -> Certificates {
    let file = |kind: &str| folder.path().join(format!("{name}.{kind}"));
    let openssl = |args: &[&std::ffi::OsStr]| {
        let output = std::process::Command::new("openssl")
            .args(args)
            .output()
            .expect("openssl is installed: apt-get install openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let (root, root_key) = (file("root.crt"), file("root.key"));
    let (certificate, key, request, names) = (file("crt"), file("key"), file("csr"), file("ext"));
    std::fs::write(&names, "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    let subject = format!("/CN={name}");
    macro_rules! run {
        ($($arg:expr),+ $(,)?) => { openssl(&[$(AsRef::<std::ffi::OsStr>::as_ref($arg)),+]) };
    }
    run!(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &subject, "-keyout",
        &root_key, "-out", &root
    );
    run!("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", &key, "-out", &request);
    run!(
        "x509",
        "-req",
        "-days",
        "2",
        "-in",
        &request,
        "-CA",
        &root,
        "-CAkey",
        &root_key,
        "-CAcreateserial",
        "-extfile",
        &names,
        "-out",
        &certificate
    );
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    Certificates { certificate: read(&certificate), key: read(&key), root }
}
