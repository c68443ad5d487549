/// What is known about a lent connection without asking it, since every statement goes through its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    /// No statement is in flight and no transaction is open.
    Ready,
    /// A statement was sent and its reply has not been read. It stays so when the future of the statement is dropped.
    InFlight {
        /// The transaction that it is part of, or that it may have opened.
        transaction: Option<Access>,
    },
    /// A transaction is open.
    InTransaction { access: Access },
    /// The connection failed and is not used again.
    Broken,
}

/// What an open transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    ReadWrite,
    ReadOnly,
    /// It was opened around one statement, for a transaction pooler.
    SingleStatement,
}

/// What happens to a connection when its lease ends. A later one includes the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Disposition {
    /// It goes back to the pool as it is.
    Reuse,
    /// It is brought back to its initial state first.
    Reset,
    /// It is closed: it is broken, or carries state of its session.
    Close,
}

impl ConnectionState {
    pub(super) fn of(transaction: Option<Access>) -> Self {
        transaction.map_or(Self::Ready, |access| Self::InTransaction { access })
    }

    /// The transaction that is open, as far as is known.
    pub(crate) fn transaction(self) -> Option<Access> {
        match self {
            Self::InFlight { transaction } => transaction,
            Self::InTransaction { access } => Some(access),
            Self::Ready | Self::Broken => None,
        }
    }

    /// What has to happen when the lease ends in this state, where `at_least` was noted while it was used.
    pub(super) fn disposition(self, at_least: Disposition) -> Disposition {
        match self {
            Self::Ready => at_least,
            Self::InFlight { .. } | Self::InTransaction { .. } => at_least.max(Disposition::Reset),
            Self::Broken => Disposition::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_ready_connection_is_reused_as_it_is() {
        use ConnectionState::{Broken, InFlight, InTransaction, Ready};
        use Disposition::{Close, Reset, Reuse};
        let access = Access::ReadWrite;
        for (state, expected) in [
            (Ready, [Reuse, Reset, Close]),
            (InFlight { transaction: None }, [Reset, Reset, Close]),
            (InFlight { transaction: Some(access) }, [Reset, Reset, Close]),
            (InTransaction { access }, [Reset, Reset, Close]),
            (Broken, [Close, Close, Close]),
        ] {
            assert_eq!(
                [Reuse, Reset, Close].map(|at_least| state.disposition(at_least)),
                expected,
                "{state:?}"
            );
        }
    }
}
