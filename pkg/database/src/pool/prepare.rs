use sea_orm::Statement;
use underpin_logger::Context;

use super::{
    lease::{Disposition, Lease},
    session_effects::leaves_session_state,
    state::PoolState,
};
use crate::{
    driver::Call,
    settings::{PoolingMode, TraceComment},
};

/// A statement as the settings want it sent.
pub(crate) fn prepare(pool: &PoolState, ctx: &Context, statement: Statement) -> Call {
    let call = Call::new(statement, pool.settings.pooling_mode == PoolingMode::Direct);
    if pool.settings.trace_comment == TraceComment::Off {
        return call;
    }
    match ctx.traceparent() {
        Some(traceparent) => call.with_comment(&format!("traceparent='{traceparent}'")),
        None => call,
    }
}

/// Notes before a statement is sent that it leaves state in its session: a caller that goes away half-way must not leave
/// any to the next one either. A database in memory has one connection, which is never closed.
pub(crate) fn note_session_state(pool: &PoolState, lease: &mut Lease, sql: &str) {
    if leaves_session_state(sql) && !pool.is_memory() {
        lease.set_disposition(Disposition::Close);
    }
}
