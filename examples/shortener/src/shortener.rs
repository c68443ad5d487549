//! What HTTP and calls share.
#![allow(unused_qualifications, reason = "utoipa writes paths in full")]

use serde::Serialize;
use underpin_database::{DatabaseExt as _, Pool, Transaction, TxOptions};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::Context;
use underpin_outbox::Outbox;
use utoipa::ToSchema;

use crate::LinkSettings;
use crate::click::{self, Clicks, LinkCreated, LinkStats, Today};
use crate::link::{Link, Links, NewLink, Stored, rfc3339};

/// How many links a list has.
const NEWEST: i64 = 20;

/// A short link.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ShortLink {
    short_code: String,
    pub(crate) short_url: String,
    original_url: String,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: i64,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: i64,
}

/// The service behind its surfaces.
pub(crate) struct Shortener {
    public_url: String,
    links: Links,
    clicks: Clicks,
    database: Pool,
    outbox: Outbox,
}

impl Shortener {
    pub(crate) fn new(
        settings: &LinkSettings,
        links: Links,
        clicks: Clicks,
        database: &Pool,
        outbox: Outbox,
    ) -> Self {
        let public_url = settings.public_url.trim_end_matches('/').to_owned();
        Self { public_url, links, clicks, database: database.clone(), outbox }
    }

    /// Stores a link. The bucket decides whether the code is free; its row and its event follow in one transaction, which a repeat
    /// completes if a crash came between.
    ///
    /// # Errors
    /// Those of [`Links::create`] and of the database.
    pub(crate) async fn shorten(&self, ctx: &Context, new: &NewLink) -> Result<(ShortLink, Stored), Error> {
        let (link, stored) = self.links.create(new).await?;
        let event = LinkCreated::event(&link, ctx).wrap_err(Kind::Internal, "describe the link")?;
        let (outbox, event, link) = (&self.outbox, &event, &link);
        let record = |tx: Transaction| async move {
            if click::insert(&tx, link).await? {
                outbox.enqueue(&tx, event).await?;
            }
            Ok::<_, Error>(())
        };
        self.database.with(ctx).transaction(TxOptions::default(), record).await?;
        Ok((self.view(link), stored))
    }

    /// The link of a code.
    ///
    /// # Errors
    /// 404 `LINK_NOT_FOUND`, and those of the store.
    pub(crate) async fn find(&self, code: &str) -> Result<Link, Error> {
        self.links.find(code).await?.ok_or_else(missing)
    }

    /// Counts a click.
    pub(crate) async fn click(&self, ctx: &Context, link: &Link) {
        self.clicks.record(ctx, link).await;
    }

    /// The statistics of a code, also after its link has expired.
    ///
    /// # Errors
    /// 404 `LINK_NOT_FOUND`, and those of store and database.
    pub(crate) async fn stats(&self, ctx: &Context, code: &str) -> Result<LinkStats, Error> {
        let database = self.database.with(ctx);
        match self.links.find(code).await? {
            Some(link) => Ok(click::of_link(&database, &link).await?),
            None => click::of_code(&database, code).await?.ok_or_else(missing),
        }
    }

    /// The newest links.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn newest(&self, ctx: &Context) -> Result<Vec<LinkStats>, Error> {
        Ok(click::newest(&self.database.with(ctx), NEWEST).await?)
    }

    /// The sums of today.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn today(&self, ctx: &Context) -> Result<Today, Error> {
        Ok(click::today(&self.database.with(ctx)).await?)
    }

    fn view(&self, link: &Link) -> ShortLink {
        ShortLink {
            short_code: link.code.clone(),
            short_url: format!("{}/{}", self.public_url, link.code),
            original_url: link.url.clone(),
            created_at: link.created_at,
            expires_at: link.expires_at,
        }
    }
}

fn missing() -> Error {
    Error::not_found("there is no link with this code").code("LINK_NOT_FOUND")
}
