use std::fmt;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// A committed transfer has no effect.
    Lost {
        /// How many.
        transfers: usize,
        /// One of them.
        example: String,
    },
    /// A transfer has its effect more than once.
    Repeated {
        /// How many.
        transfers: usize,
        /// One of them.
        example: String,
    },
    /// An effect belongs to no committed transfer.
    Invented {
        /// How many.
        effects: usize,
        /// One of them.
        example: String,
    },
    /// Effects of an account happened in another order than its transfers.
    Disordered {
        /// The account.
        account: i32,
        /// The number of the transfer that came at the wrong place.
        number: i64,
        /// What came before it.
        after: i64,
    },
    /// The stream holds the events of an account in another order than they were enqueued.
    StreamDisordered {
        /// The account.
        account: i32,
        /// The number of the transfer that came at the wrong place.
        number: i64,
        /// What came before it.
        after: i64,
    },
    /// A balance of the projection differs from that of the account.
    Balance {
        /// The account.
        account: i32,
        /// What the account has.
        booked: i64,
        /// What the projection has.
        projected: i64,
    },
    /// Money was made or lost.
    Sum {
        /// What all accounts began with.
        expected: i64,
        /// What they have.
        found: i64,
    },
    /// A commit was acknowledged, and the transfer is not there.
    Uncommitted {
        /// How many.
        transfers: usize,
        /// One of them.
        example: String,
    },
    /// Something is left that should have gone on.
    Stuck(String),
    /// A process ended by itself, or did not end when it was told to.
    Incident(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { transfers, example } => {
                write!(f, "{transfers} committed transfers have no effect, for example {example}")
            }
            Self::Repeated { transfers, example } => {
                write!(f, "{transfers} transfers have their effect more than once, for example {example}")
            }
            Self::Invented { effects, example } => {
                write!(f, "{effects} effects belong to no committed transfer, for example {example}")
            }
            Self::Disordered { account, number, after } => {
                write!(f, "account {account}: transfer {number} took effect right after {after}")
            }
            Self::StreamDisordered { account, number, after } => {
                write!(f, "account {account}: transfer {number} is in the stream right after {after}")
            }
            Self::Balance { account, booked, projected } => {
                write!(f, "account {account} has {booked}, its projection {projected}")
            }
            Self::Sum { expected, found } => {
                write!(f, "all accounts together have {found} and not {expected}")
            }
            Self::Uncommitted { transfers, example } => {
                write!(f, "{transfers} transfers were acknowledged and are not there, for example {example}")
            }
            Self::Stuck(what) => write!(f, "left at the end: {what}"),
            Self::Incident(what) => f.write_str(what),
        }
    }
}
