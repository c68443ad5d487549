use std::time::Duration;

use async_trait::async_trait;

use crate::EventsError;

/// A store of what was done, so that an event that is delivered again has no second effect.
///
/// A claim is a lease: the holder completes or releases it, and one that dies loses it after the lease. When the effects
/// are in a database, prefer a claim in the same transaction (the inbox); this store is for all other effects, where a
/// crash between effect and `complete` still repeats the effect once.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_events::{Claim, IdempotencyStore, MemoryIdempotencyStore};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_events::EventsError> {
/// let (store, lease) = (MemoryIdempotencyStore::default(), Duration::from_secs(60));
/// let Claim::Granted(token) = store.claim("mail/42", lease).await? else { panic!("it is free") };
/// assert_eq!(store.claim("mail/42", lease).await?, Claim::Held, "it is being handled");
///
/// store.release("mail/42", token).await?; // the mail server is unreachable
/// assert!(store.claim("mail/42", lease).await?.is_granted());
/// store.complete("mail/42").await?;
/// assert_eq!(store.claim("mail/42", lease).await?, Claim::Done);
/// # Ok(()) }
/// ```
#[async_trait]
pub trait IdempotencyStore: Send + Sync + 'static {
    /// Claims a key for as long as `lease`, unless another holder has it or it is done. A lease of more than 30 years is one of
    /// 30 years.
    ///
    /// Ordering: of concurrent claims of a key exactly one is [`Claim::Granted`]. Idempotency: none, a second claim is
    /// [`Claim::Held`]. Retries: none.
    ///
    /// # Errors
    /// The failure of the store. Then there is no claim, or it ends with its lease.
    ///
    /// # Cancel safety
    /// The claim may have been made; it ends with its lease.
    async fn claim(&self, key: &str, lease: Duration) -> Result<Claim, EventsError>;

    /// Marks a key as done, whoever holds it: the work was done, also where its lease was over by then.
    ///
    /// Idempotency: completing again changes nothing. Retries: none.
    ///
    /// # Errors
    /// What the store says; the claim then ends with its lease, and the work may be repeated.
    ///
    /// # Cancel safety
    /// The mark may have been made.
    async fn complete(&self, key: &str) -> Result<(), EventsError>;

    /// Releases a claim, so that the work can be tried again at once. A key that is done stays done, and a later claim of another
    /// holder stays.
    ///
    /// Idempotency: releasing again changes nothing. Retries: none.
    ///
    /// # Errors
    /// What the store says; the claim then ends with its lease.
    ///
    /// # Cancel safety
    /// The claim may have been given back.
    async fn release(&self, key: &str, token: ClaimToken) -> Result<(), EventsError>;
}

const _: fn(&dyn IdempotencyStore) = |_| ();

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// The work is yours until the lease ends. Whoever gives the claim back shows the token.
    Granted(ClaimToken),
    /// Another holder has the claim.
    Held,
    /// It was done before.
    Done,
}

impl Claim {
    /// Whether the work is the caller's.
    pub fn is_granted(self) -> bool {
        matches!(self, Self::Granted(_))
    }
}

/// Tells one claim of a key from a later one: a holder whose lease is over cannot take the claim of the next from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClaimToken(u64);

impl ClaimToken {
    /// For implementors: a number that no other claim of the key has.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}
