//! Reads the projection.
#![allow(unused_qualifications, reason = "utoipa writes paths in full")]

use std::collections::HashMap;

use serde::Serialize;
use underpin_database::sea_orm::{QueryResult, Value};
use underpin_database::{DatabaseError, Executor, sql};
use utoipa::ToSchema;

use super::projection::{MINUTES, day, minute};
use crate::link::{Link, now, optional_rfc3339, rfc3339};

/// A link and how often it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LinkStats {
    #[serde(skip)]
    id: String,
    short_code: String,
    original_url: String,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: i64,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: i64,
    /// Whether the link still leads anywhere.
    active: bool,
    clicks: i64,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_rfc3339")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_click_at: Option<i64>,
    /// The clicks of each of the last 30 minutes, the present one last.
    minutes: Vec<i64>,
}

/// What happened today.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Today {
    links: i64,
    clicks: i64,
}

/// Of a link that there is; zero before its first event was applied.
///
/// # Errors
/// Those of the database, here and below.
pub(crate) async fn of_link(db: &dyn Executor, link: &Link) -> Result<LinkStats, DatabaseError> {
    let found = select(db, "WHERE id = $1", [link.id.to_string().into()]).await?;
    Ok(found.into_iter().next().unwrap_or_else(|| LinkStats {
        id: link.id.to_string(),
        short_code: link.code.clone(),
        original_url: link.url.clone(),
        created_at: link.created_at,
        expires_at: link.expires_at,
        active: true,
        clicks: 0,
        last_click_at: None,
        minutes: vec![0; MINUTES],
    }))
}

/// Of the last link that had this code.
pub(crate) async fn of_code(db: &dyn Executor, code: &str) -> Result<Option<LinkStats>, DatabaseError> {
    Ok(select(db, "WHERE code = $1 ORDER BY id DESC LIMIT 1", [code.into()]).await?.into_iter().next())
}

/// Of the newest links, the newest first.
pub(crate) async fn newest(db: &dyn Executor, limit: i64) -> Result<Vec<LinkStats>, DatabaseError> {
    select(db, "ORDER BY id DESC LIMIT $1", [limit.into()]).await
}

/// The sums of this day.
pub(crate) async fn today(db: &dyn Executor) -> Result<Today, DatabaseError> {
    let row =
        db.query_one(sql("SELECT links, clicks FROM daily WHERE day = $1", [day(now()).into()])).await?;
    let today =
        row.map(|row| Ok(Today { links: row.try_get("", "links")?, clicks: row.try_get("", "clicks")? }));
    today.transpose().map(Option::unwrap_or_default)
}

async fn select<const N: usize>(
    db: &dyn Executor,
    which: &str,
    binds: [Value; N],
) -> Result<Vec<LinkStats>, DatabaseError> {
    let text =
        format!("SELECT id, code, url, created_at, expires_at, clicks, last_click_at FROM link {which}");
    let rows = db.query_all(sql(text, binds)).await?;
    let mut links = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if !links.is_empty() {
        let mut minutes = minutes(db, &links).await?;
        for link in &mut links {
            link.minutes = minutes.remove(&link.id).unwrap_or_else(|| vec![0; MINUTES]);
        }
    }
    Ok(links)
}

fn read(row: &QueryResult) -> Result<LinkStats, DatabaseError> {
    let (expires_at, last_click_at): (i64, i64) =
        (row.try_get("", "expires_at")?, row.try_get("", "last_click_at")?);
    Ok(LinkStats {
        id: row.try_get("", "id")?,
        short_code: row.try_get("", "code")?,
        original_url: row.try_get("", "url")?,
        created_at: row.try_get("", "created_at")?,
        expires_at,
        active: expires_at > now(),
        clicks: row.try_get("", "clicks")?,
        last_click_at: (last_click_at > 0).then_some(last_click_at),
        minutes: Vec::new(),
    })
}

async fn minutes(db: &dyn Executor, links: &[LinkStats]) -> Result<HashMap<String, Vec<i64>>, DatabaseError> {
    let first = minute(now()) - MINUTES as i64 + 1;
    let places: Vec<String> = (0..links.len()).map(|place| format!("${}", place + 2)).collect();
    let text = format!(
        "SELECT link_id, minute, clicks FROM click_minute WHERE minute >= $1 AND link_id IN ({})",
        places.join(", ")
    );
    let ids = links.iter().map(|link| link.id.as_str().into());
    let rows = db.query_all(sql(text, std::iter::once(first.into()).chain(ids))).await?;
    let mut minutes: HashMap<String, Vec<i64>> = HashMap::new();
    for row in rows {
        let (id, minute): (String, i64) = (row.try_get("", "link_id")?, row.try_get("", "minute")?);
        let of_link = minutes.entry(id).or_insert_with(|| vec![0; MINUTES]);
        if let Some(clicks) = usize::try_from(minute - first).ok().and_then(|place| of_link.get_mut(place)) {
            *clicks = row.try_get("", "clicks")?;
        }
    }
    Ok(minutes)
}
