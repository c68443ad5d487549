use std::time::Duration;

use underpin_nats::NatsError;

use crate::error::RpcError;

/// What a failure of the connection means for a call that had this much time.
pub(super) fn of_call(failure: NatsError, within: Duration) -> RpcError {
    match failure {
        NatsError::NoResponders { subject } => RpcError::NoResponders { subject },
        NatsError::Timeout { .. } => RpcError::Timeout { within },
        NatsError::Lost => RpcError::Lost,
        NatsError::Disconnected => RpcError::Disconnected,
        NatsError::Closed => RpcError::Closed,
        NatsError::TooLarge { size, limit } => RpcError::TooLarge { size, limit },
        NatsError::Unauthorized(source) => RpcError::Unauthorized(source),
        other => RpcError::Transport { operation: "send the request", source: other.into() },
    }
}

/// What it means for a service that starts.
pub(super) fn of_serve(failure: NatsError) -> RpcError {
    match failure {
        NatsError::Lost | NatsError::Disconnected | NatsError::Timeout { .. } => RpcError::Disconnected,
        NatsError::Closed => RpcError::Closed,
        NatsError::Unauthorized(source) => RpcError::Unauthorized(source),
        other => RpcError::Transport { operation: "subscribe", source: other.into() },
    }
}
