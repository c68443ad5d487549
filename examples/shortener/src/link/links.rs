//! The bucket of links.

use std::sync::Arc;
use std::time::Duration;

use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_store::{Expect, KeyValue, KeyValueExt as _, Read, StoreError, Ttl};

use super::{Code, HttpAddress, Link, NewLink};
use crate::LinkSettings;

/// The name of the bucket.
pub(crate) const LINKS: &str = "links";

/// How many random codes are tried. That one is taken is unlikely, that three are is a fault.
const ATTEMPTS: usize = 3;

/// Links by code. A code is written once, and again only after the link has expired.
pub(crate) struct Links {
    bucket: Arc<dyn KeyValue>,
    own: HttpAddress,
    ttl: Duration,
    max_ttl: Duration,
}

/// Whether a link is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    Now,
    /// The same code and URL were stored before, perhaps by a request whose answer was lost.
    Before,
}

impl Links {
    /// # Errors
    /// `links.public_url` is no URL.
    pub(crate) fn new(bucket: Arc<dyn KeyValue>, settings: &LinkSettings) -> Result<Self, Error> {
        let own = HttpAddress::of(&settings.public_url)
            .ok_or_else(|| Error::internal("links.public_url is not an http or https URL"))?;
        Ok(Self { bucket, own, ttl: settings.ttl, max_ttl: settings.max_ttl })
    }

    /// Stores a link under a code that no link has.
    ///
    /// # Errors
    /// 400 `INVALID_URL`, `OWN_ADDRESS`, `INVALID_CODE`, `INVALID_TTL`, 409 `CODE_TAKEN`, and those of the store. After one of the store the
    /// link may be stored: whoever chose the code can repeat the call.
    pub(crate) async fn create(&self, new: &NewLink) -> Result<(Link, Stored), Error> {
        self.own.check_target(&new.url)?;
        let ttl = self.ttl(new.ttl_seconds)?;
        if let Some(wanted) = &new.short_code {
            let code = Code::wanted(wanted)?;
            return match self.put(&code, &new.url, ttl).await {
                Ok(link) => Ok((link, Stored::Now)),
                Err(error) if error.is_conflict() => self.same(&code, &new.url).await,
                Err(error) => Err(error.into()),
            };
        }
        for _ in 0..ATTEMPTS {
            match self.put(&Code::random(), &new.url, ttl).await {
                Ok(link) => return Ok((link, Stored::Now)),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::internal("every random code was taken"))
    }

    /// The link of a code, until it expires.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn find(&self, code: &str) -> Result<Option<Link>, Error> {
        let Some(code) = Code::parse(code) else { return Ok(None) };
        let key = code.key()?;
        // Links never change, so any replica will do; only that there is none is asked of the leader.
        let entry = match self.bucket.get(&key, Read::Any).await? {
            Some(entry) => Some(entry),
            None => self.bucket.get(&key, Read::Latest).await?,
        };
        let link = entry.map(|entry| serde_json::from_slice(&entry.value)).transpose();
        link.wrap_err(Kind::DataLoss, "read a link")
    }

    async fn put(&self, code: &Code, url: &str, ttl: Duration) -> Result<Link, StoreError> {
        let link = Link::new(code, url, ttl);
        self.bucket.put_json(code.key()?, &link, Expect::Absent, Ttl::After(ttl)).await?;
        Ok(link)
    }

    async fn same(&self, code: &Code, url: &str) -> Result<(Link, Stored), Error> {
        let known = self.find(code.as_str()).await?.filter(|known| known.url == url);
        known
            .map(|known| (known, Stored::Before))
            .ok_or_else(|| Error::conflict("the code belongs to another link").code("CODE_TAKEN"))
    }

    fn ttl(&self, seconds: Option<u64>) -> Result<Duration, Error> {
        let ttl = seconds.map_or(self.ttl, Duration::from_secs);
        if (Duration::from_secs(1)..=self.max_ttl).contains(&ttl) {
            Ok(ttl)
        } else {
            let longest = self.max_ttl.as_secs();
            let text = format!("the time to live is not from 1 to {longest} seconds");
            Err(Error::bad_request(text).code("INVALID_TTL"))
        }
    }
}
