//! Hand over and forget: `email.send`.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use underpin_errors::Error;
use underpin_logger::{Context, Logger, info};
use underpin_rpc::{Call, Method, Service};
use utoipa::ToSchema;

/// A caller uses `send`: it hears nothing, not even that nobody listened.
pub(crate) const SEND: Method<Mail, ()> = Method::new("email", "send");

/// A mail.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) body: String,
}

impl Mail {
    /// # Errors
    /// 400 `INVALID_ADDRESS`.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if is_address(&self.to) {
            Ok(())
        } else {
            Err(Error::bad_request("`to` is no address").code("INVALID_ADDRESS"))
        }
    }
}

/// Whether it looks like an address; only a mail server knows.
pub(crate) fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    text.len() <= 254
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && parts.is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
}

/// Pretends to talk to a mail server.
#[derive(Clone)]
pub(crate) struct Mailer {
    log: Arc<dyn Logger>,
}

impl Mailer {
    pub(crate) fn new(log: Arc<dyn Logger>) -> Self {
        Self { log }
    }

    async fn send(&self, ctx: &Context, mail: &Mail) -> Result<(), Error> {
        mail.check()?;
        let delay = Duration::from_millis(rand::rng().random_range(5..50));
        tokio::time::sleep(delay).await;
        // Not the address: a log is read by many.
        info!(self.log, ctx, "mail sent", subject = mail.subject.as_str(), took_ms = delay.as_millis());
        Ok(())
    }
}

/// The service `email`. Its endpoint is a queue group: one member of all processes gets a mail.
pub(crate) fn service(mailer: Mailer) -> Service {
    Service::new("email", env!("CARGO_PKG_VERSION"))
        .description("mails that may be lost")
        .on_with(&SEND, mailer, async |mailer: Mailer, mail: Mail, call: Call| {
            mailer.send(call.context(), &mail).await
        })
        .limit(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_user_and_a_host() {
        assert!(is_address("ada@example.org"));
        for wrong in ["", "ada", "@example.org", "ada@host", "a b@example.org", "a@example.org\r\nBcc: x@y.z"]
        {
            assert!(!is_address(wrong), "{wrong:?}");
        }
    }
}
