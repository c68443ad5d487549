use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::Offer;

/// The commands that the components of a service offer. Clones share them.
///
/// # Examples
/// ```
/// use underpin_commands::{CommandCall, Commands, Offer, command_fn};
///
/// let commands = Commands::default();
/// commands.offer(Offer::new("recount", command_fn(|_: CommandCall| async { Ok("42\n".to_owned()) })));
/// assert!(commands.find("recount").is_some() && commands.find("count").is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Commands(Arc<Offered>);

#[derive(Debug, Default)]
struct Offered {
    offers: Mutex<Vec<Offer>>,
    changed: Notify,
}

impl Commands {
    /// Offers a command. Of two with the same name the first one counts.
    pub fn offer(&self, offer: Offer) {
        let mut offers = self.0.offers.lock().unwrap_or_else(PoisonError::into_inner);
        if !offers.iter().any(|other| other.name() == offer.name()) {
            offers.push(offer);
        }
        drop(offers);
        self.0.changed.notify_waiters();
    }

    /// The offer of this name.
    pub fn find(&self, name: &str) -> Option<Offer> {
        let offers = self.0.offers.lock().unwrap_or_else(PoisonError::into_inner);
        offers.iter().find(|offer| offer.name() == name).cloned()
    }

    /// Waits until the name is offered.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn offered(&self, name: &str) -> Offer {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if let Some(offer) = self.find(name) {
                return offer;
            }
            changed.await;
        }
    }
}
