//! Writes the projection. Every write is an addition, so the order of events does not matter.

use underpin_database::{DatabaseError, Executor, sql};

use crate::link::Link;

const MINUTE: i64 = 60 * 1000;
const DAY: i64 = 24 * 60 * MINUTE;

/// How many minutes of clicks are kept and shown.
pub(super) const MINUTES: usize = 30;

/// Inserts the row of a link; false if it is there.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(tx: &dyn Executor, link: &Link) -> Result<bool, DatabaseError> {
    let text = "INSERT INTO link (id, code, url, created_at, expires_at, clicks, last_click_at) VALUES ($1, $2, $3, $4, $5, 0, 0)
        ON CONFLICT (id) DO NOTHING";
    let Link { id, code, url, created_at, expires_at } = link.clone();
    let row = [id.to_string().into(), code.into(), url.into(), created_at.into(), expires_at.into()];
    Ok(tx.execute(sql(text, row)).await?.rows_affected() == 1)
}

/// Adds a link to its day.
pub(super) async fn add_link(tx: &dyn Executor, at: i64) -> Result<(), DatabaseError> {
    add_to_day(tx, at, 1, 0).await
}

/// Adds a click to its link, minute and day.
pub(super) async fn add_click(tx: &dyn Executor, link: &Link, at: i64) -> Result<(), DatabaseError> {
    // Of a link whose creation was cut off after it was stored in the bucket.
    insert(tx, link).await?;
    let id = link.id.to_string();
    let text = "UPDATE link SET clicks = clicks + 1,
        last_click_at = CASE WHEN last_click_at < $2 THEN $2 ELSE last_click_at END WHERE id = $1";
    tx.execute(sql(text, [id.as_str().into(), at.into()])).await?;
    let text = "INSERT INTO click_minute (link_id, minute, clicks) VALUES ($1, $2, 1)
        ON CONFLICT (link_id, minute) DO UPDATE SET clicks = click_minute.clicks + 1";
    tx.execute(sql(text, [id.as_str().into(), minute(at).into()])).await?;
    let text = "DELETE FROM click_minute WHERE link_id = $1 AND minute <= $2";
    tx.execute(sql(text, [id.as_str().into(), (minute(at) - MINUTES as i64).into()])).await?;
    add_to_day(tx, at, 0, 1).await
}

async fn add_to_day(tx: &dyn Executor, at: i64, links: i64, clicks: i64) -> Result<(), DatabaseError> {
    let text = "INSERT INTO daily (day, links, clicks) VALUES ($1, $2, $3)
        ON CONFLICT (day) DO UPDATE SET links = daily.links + excluded.links, clicks = daily.clicks + excluded.clicks";
    tx.execute(sql(text, [day(at).into(), links.into(), clicks.into()])).await?;
    Ok(())
}

/// The number of a minute since 1970.
pub(super) fn minute(at: i64) -> i64 {
    at.div_euclid(MINUTE)
}

/// The number of a day since 1970.
pub(super) fn day(at: i64) -> i64 {
    at.div_euclid(DAY)
}
