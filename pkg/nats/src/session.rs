use async_nats::{Client, Subscriber};
use underpin_errors::BoxError;

use crate::environment::Environment;
use crate::pending::PendingRequests;
use crate::reply_inbox::IdleInboxes;

/// One client, from its connect to the end of its task, and what is bound to it.
pub(crate) struct Session {
    /// How many clients came before it.
    pub(crate) number: u64,
    pub(crate) client: Client,
    pub(crate) requests: PendingRequests,
    pub(crate) idle_inboxes: IdleInboxes,
}

impl Session {
    pub(crate) async fn new(number: u64, client: Client, env: &Environment) -> Result<Self, BoxError> {
        let requests = PendingRequests::open(&client, env.denials.subscribe(), env.link.subscribe()).await?;
        Ok(Self { number, client, requests, idle_inboxes: IdleInboxes::default() })
    }

    /// A new inbox and the subscription to everything under it.
    pub(crate) async fn inbox(&self) -> Result<(String, Subscriber), BoxError> {
        let inbox = self.client.new_inbox();
        let subscriber = self.client.subscribe(format!("{inbox}.*")).await?;
        Ok((inbox, subscriber))
    }
}
