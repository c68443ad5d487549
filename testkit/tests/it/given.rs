//! `DATABASE_URL` and `NATS_URL` come first, and what cannot be used there says why. Each test runs a process with
//! another environment.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use sqlx::{Connection, PgConnection};
use underpin_testkit::{NatsServer, PostgresServer};

/// Killed when dropped.
struct KeptAlive(Child);

impl Drop for KeptAlive {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Runs `keep-alive shared` with these variables: what it prints until its servers are ready, and its error.
fn keep_alive(variables: &[(&str, &str)]) -> (KeptAlive, Vec<String>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_keep-alive"))
        .arg("shared")
        .env_remove("DATABASE_URL")
        .env_remove("NATS_URL")
        .env_remove("UNDERPIN_SERVERS")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<_> = lines.take_while(|line| line != "ready").collect();
    let mut complaint = String::new();
    if !said.iter().any(|line| line.starts_with("pid ")) {
        std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut complaint).unwrap();
    }
    (KeptAlive(child), said, complaint)
}

async fn run(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn the_given_servers_are_used() {
    let (postgres, nats) = tokio::join!(PostgresServer::private(), NatsServer::private());
    let (_held, said, complaint) = keep_alive(&[("DATABASE_URL", postgres.url()), ("NATS_URL", nats.url())]);
    assert_eq!(complaint, "");
    let server = postgres.url().rsplit_once('/').unwrap().0;
    assert!(
        said.iter().any(|line| line.starts_with(&format!("database {server}/underpin_test_"))),
        "{said:?}"
    );
    assert!(said.contains(&format!("nats {}", nats.url())), "{said:?}");
}

#[tokio::test]
async fn what_killed_tests_left_on_a_given_server_goes_and_nothing_else() {
    let postgres = PostgresServer::private().await;
    for database in ["CREATE DATABASE underpin_test_1_0a", "CREATE DATABASE underpin_test_app"] {
        run(postgres.url(), database).await;
    }
    let (held, _, complaint) = keep_alive(&[("DATABASE_URL", postgres.url())]);
    assert_eq!(complaint, "");
    // Killed, so that its database stays: young as it is, the next one leaves it alone.
    drop(held);
    let (_held, _, _) = keep_alive(&[("DATABASE_URL", postgres.url())]);
    let mut connection = PgConnection::connect(postgres.url()).await.unwrap();
    let names = "SELECT datname FROM pg_database WHERE datname LIKE 'underpin%' ORDER BY length(datname)";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut connection).await.unwrap();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(names.first().map(String::as_str), Some("underpin_test_app"));
}

#[tokio::test]
async fn a_role_that_may_not_create_databases_is_told_so() {
    let postgres = PostgresServer::private().await;
    run(postgres.url(), "CREATE ROLE ada LOGIN PASSWORD 'lovelace'").await;
    let (_, at) = postgres.url().split_once('@').unwrap();
    let (_held, _, complaint) = keep_alive(&[("DATABASE_URL", &format!("postgres://ada:lovelace@{at}"))]);
    assert!(complaint.contains("DATABASE_URL") && complaint.contains("CREATEDB"), "{complaint}");
    assert!(!complaint.contains("lovelace"), "{complaint}");
}

#[test]
fn a_given_server_that_is_not_there_or_not_the_right_one_is_told() {
    // Port 1 (tcpmux) has no listener.
    let (_held, _, complaint) = keep_alive(&[("NATS_URL", "nats://127.0.0.1:1")]);
    assert!(complaint.contains("NATS_URL") && complaint.contains("no NATS server answers"), "{complaint}");
    let (_held, _, complaint) = keep_alive(&[("DATABASE_URL", "sqlite::memory:")]);
    assert!(complaint.contains("DATABASE_URL") && complaint.contains("postgres://"), "{complaint}");
}

#[test]
fn a_binary_that_is_too_old_is_refused_with_the_reason() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("nats-server");
    // As Debian 12 has it.
    std::fs::write(&program, "#!/bin/sh\necho nats-server: v2.9.10\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (_held, _, complaint) = keep_alive(&[("UNDERPIN_NATS_SERVER", program.to_str().unwrap())]);
    for wanted in ["UNDERPIN_NATS_SERVER", "2.9.10 is too old", "at least 2.10.0", "key-value stores"] {
        assert!(complaint.contains(wanted), "{wanted} is missing: {complaint}");
    }
}
