//! Calls and finds services on the server of `NATS_URL`: what `cargo xtask nats` runs.
//!
//! ```sh
//! cargo run -p underpin-rpc --example nats -- request orders.get '{"id": 42}'
//! cargo run -p underpin-rpc --example nats -- services
//! cargo run -p underpin-rpc --example nats -- stats orders
//! cargo run -p underpin-rpc --example nats -- permissions orders
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use underpin_errors::{BoxError, Report};
use underpin_logger::{Context, NoopLogger, RequestId};
use underpin_nats::{Connection, NatsSettings};
use underpin_rpc::nats::NatsRpc;
use underpin_rpc::{Caller, CallerExt, Permissions, Request, RpcError, RpcSettings};

const USAGE: &str = "usage: request SUBJECT [JSON] | services [NAME] | stats [NAME] | permissions NAME";
/// How long instances may take to answer a discovery request.
const DISCOVERY: Duration = Duration::from_secs(1);

type Done<T = ()> = Result<T, BoxError>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", Report(&*failure));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Done {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["request", subject] => request(subject, "").await,
        ["request", subject, json] => request(subject, json).await,
        ["services"] => show(&connect().await?.services(None, DISCOVERY).await?),
        ["services", name] => show(&connect().await?.services(Some(name), DISCOVERY).await?),
        ["stats"] => show(&connect().await?.service_stats(None, DISCOVERY).await?),
        ["stats", name] => show(&connect().await?.service_stats(Some(name), DISCOVERY).await?),
        ["permissions", name] => permissions(name).await,
        _ => Err(USAGE.into()),
    }
}

async fn connect() -> Done<NatsRpc> {
    let url = env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let settings = NatsSettings::new(url).name("underpin-rpc-cli").connect_timeout(Duration::from_secs(3));
    let connection = Connection::connect(&settings, Arc::new(NoopLogger)).await?;
    Ok(NatsRpc::new(connection, RpcSettings::default(), Arc::new(NoopLogger))?)
}

async fn request(subject: &str, json: &str) -> Done {
    let ctx = Context::new(RequestId::generate());
    let request = Request::new(subject.to_owned(), json.to_owned(), &ctx);
    match connect().await?.call(request).await {
        Ok(reply) => {
            print(&reply.body);
            Ok(())
        }
        Err(RpcError::Remote(remote)) => {
            print(remote.body());
            Err(format!("{} {}", remote.number().unwrap_or("?"), remote.error().report()).into())
        }
        Err(failure) => Err(failure.into()),
    }
}

async fn permissions(name: &str) -> Done {
    let found = connect().await?.services(Some(name), DISCOVERY).await?;
    let info = found.first().ok_or_else(|| format!("no instance of `{name}` answers"))?;
    println!("# a user that serves `{name}` {}\n{}", info.version, Permissions::service(info));
    let subjects = info.endpoints.iter().map(|endpoint| endpoint.subject.clone());
    println!("# a user that calls it\n{}", Permissions::caller(subjects));
    Ok(())
}

/// JSON on several lines, anything else as it is.
fn print(body: &[u8]) {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => println!("{value:#}"),
        Err(_) => println!("{}", String::from_utf8_lossy(body)),
    }
}

fn show(documents: &impl Serialize) -> Done {
    println!("{}", serde_json::to_string_pretty(documents)?);
    Ok(())
}
