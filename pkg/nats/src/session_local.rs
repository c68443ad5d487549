use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_nats::Client;

use crate::Connection;

/// A value that is made from the client and made again when the client was rebuilt: a JetStream context, a bucket.
///
/// # Examples
/// ```no_run
/// # fn example(nats: &underpin_nats::Connection) {
/// use underpin_nats::SessionLocal;
///
/// let jetstream = SessionLocal::default();
/// let context = jetstream.get_or_make(nats, |client| async_nats::jetstream::new(client));
/// # let _ = context; }
/// ```
pub struct SessionLocal<T>(Mutex<Option<(u64, Arc<T>)>>);

impl<T> SessionLocal<T> {
    /// The value for the current client.
    pub fn get_or_make(&self, connection: &Connection, make: impl FnOnce(Client) -> T) -> Arc<T> {
        let (session, client) = connection.current_client();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, value)) if *of == session => Arc::clone(value),
            _ => {
                let value = Arc::new(make(client));
                *kept = Some((session, Arc::clone(&value)));
                value
            }
        }
    }
}

impl<T> Default for SessionLocal<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> fmt::Debug for SessionLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLocal").finish_non_exhaustive()
    }
}
