//! A tour of what a service logs: `cargo run -p underpin-logger --example tour`, at a terminal for people, through
//! `| cat` for machines.

use std::{error::Error, io, time::Duration};

use underpin_errors::{Error as ServiceError, Kind};
use underpin_logger::{Context, LoggerSettings, RequestId, debug, error, info, init, trace, warn};

fn main() -> Result<(), Box<dyn Error>> {
    let log = init(&LoggerSettings::from_env().level("trace").service("orders"))?;
    let (log, background) = (log.logger(), Context::background());

    info!(log, &background, "service started", port = 8080, database = "postgres", version = "1.4.0");
    let ctx = Context::new(RequestId::generate()).child_span();
    trace!(log, &ctx, "body read", bytes = 312);
    debug!(log, &ctx, "stock reserved", sku = "tea", left = 4, waited = Duration::from_micros(1830));
    info!(log, &ctx, "order accepted", order_id = 7, customer = "ada lovelace", total_cents = 700, note = "");
    warn!(log, &ctx, "stock low", sku = "tea\u{1b}[2K\nforged", left = 0, password = "hunter2");
    let refused = io::Error::other("connection refused (os error 111)");
    let failure =
        ServiceError::wrap(Kind::Unavailable, refused, "pool has no connection").context("store order");
    error!(
        log,
        &ctx,
        &failure,
        "request",
        method = "POST",
        path = "/orders",
        status = 503,
        latency_ms = 31.7
    );
    ctx.scope_sync(
        || tracing::warn!(target: "sqlx::query", elapsed = ?Duration::from_millis(812), "slow statement"),
    );
    Ok(())
}
