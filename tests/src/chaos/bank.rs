//! The bank: accounts, transfers between them, and a projection of both that lives from events alone.

use serde::{Deserialize, Serialize};
use underpin_database::{Database, DatabaseError, Executor, Transaction, sql};
use underpin_events::{Event, InvalidEventError};

/// Accounts are numbered from 0.
pub(crate) const ACCOUNTS: i32 = 12;
/// What every account begins with.
pub(crate) const OPENING_BALANCE: i64 = 100_000;
/// Transfers are spread over this many subscriptions by the account that pays. Order over several processes costs that one
/// event of a subscription is under way at a time; partitions give the speed back.
pub(crate) const PARTITIONS: i32 = 4;
/// Whose effects the inbox guards.
pub(crate) const PROJECTION: &str = "projection";

/// Money that went from one account to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) id: String,
    pub(crate) source: i32,
    pub(crate) target: i32,
    pub(crate) amount: i64,
    /// This is the n-th transfer out of `source`, from 1: what order per account is checked by.
    pub(crate) number: i64,
}

impl Transfer {
    /// The event that tells of it: its id is the transfer's, its ordering key the account that pays.
    pub(crate) fn event(&self) -> Result<Event, InvalidEventError> {
        Event::builder(format!("{}.booked", partition(self.source)), "/bank")
            .id(&self.id)
            .subject(format!("account-{}", self.source))
            .json(self)
            .build()
    }
}

/// The partition of an account, which is the first token of the event type and the name of the subscription.
pub(crate) fn partition(account: i32) -> String {
    format!("transfers-{}", account.rem_euclid(PARTITIONS))
}

/// All partitions.
pub(crate) fn partitions() -> impl Iterator<Item = String> {
    (0..PARTITIONS).map(partition)
}

const TABLES: &[&str] = &[
    "CREATE TABLE account (
        id integer PRIMARY KEY,
        balance bigint NOT NULL CHECK (balance >= 0),
        booked bigint NOT NULL DEFAULT 0
    )",
    "CREATE TABLE transfer (
        id text PRIMARY KEY,
        source integer NOT NULL REFERENCES account,
        target integer NOT NULL REFERENCES account,
        amount bigint NOT NULL,
        number bigint NOT NULL,
        booked_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )",
    "CREATE TABLE projected_account (id integer PRIMARY KEY, balance bigint NOT NULL)",
    // Without a unique constraint: an effect that happens twice must be seen, not prevented.
    "CREATE TABLE applied (
        position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        transfer text NOT NULL,
        source integer NOT NULL,
        number bigint NOT NULL,
        consumer text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )",
];

/// Creates the tables and opens the accounts.
pub(crate) async fn open(database: &impl Database) -> Result<(), DatabaseError> {
    for table in TABLES {
        database.execute(sql(*table, [])).await?;
    }
    for table in ["account", "projected_account"] {
        let open =
            format!("INSERT INTO {table} (id, balance) SELECT id, $1 FROM generate_series(0, $2 - 1) AS id");
        database.execute(sql(open, [OPENING_BALANCE.into(), ACCOUNTS.into()])).await?;
    }
    Ok(())
}

/// Moves money and notes the transfer; `None` when there is none to move. The rows of both accounts stay locked until the
/// transaction ends, so that the transfers of an account are enqueued in the order of their numbers.
pub(crate) async fn book(
    tx: &Transaction,
    id: &str,
    (source, target): (i32, i32),
    wanted: i64,
) -> Result<Option<Transfer>, DatabaseError> {
    let both = "SELECT id, balance FROM account WHERE id IN ($1, $2) ORDER BY id FOR UPDATE";
    let mut amount = 0;
    for row in tx.query_all(sql(both, [source.into(), target.into()])).await? {
        if row.try_get_by_index::<i32>(0)? == source {
            amount = row.try_get_by_index::<i64>(1)?.min(wanted);
        }
    }
    let take = "UPDATE account SET balance = balance - $2, booked = booked + 1 WHERE id = $1 AND $2 > 0 RETURNING booked";
    let Some(row) = tx.query_one(sql(take, [source.into(), amount.into()])).await? else { return Ok(None) };
    let number: i64 = row.try_get_by_index(0)?;
    let give = "UPDATE account SET balance = balance + $2 WHERE id = $1";
    tx.execute(sql(give, [target.into(), amount.into()])).await?;
    let note = "INSERT INTO transfer (id, source, target, amount, number) VALUES ($1, $2, $3, $4, $5)";
    let binds = [id.into(), source.into(), target.into(), amount.into(), number.into()];
    tx.execute(sql(note, binds)).await?;
    Ok(Some(Transfer { id: id.to_owned(), source, target, amount, number }))
}

/// Does to the projection what a transfer did to the accounts, and notes that it did. Both rows are locked before the
/// note is written, so the positions of an account are the order in which its effects were committed.
pub(crate) async fn apply(
    tx: &Transaction,
    transfer: &Transfer,
    consumer: &str,
) -> Result<(), DatabaseError> {
    let (source, target) = (transfer.source, transfer.target);
    let both = "SELECT id FROM projected_account WHERE id IN ($1, $2) ORDER BY id FOR UPDATE";
    tx.query_all(sql(both, [source.into(), target.into()])).await?;
    let change = "UPDATE projected_account SET balance = balance + CASE id WHEN $1 THEN -$3::bigint ELSE $3::bigint END \
        WHERE id IN ($1, $2)";
    tx.execute(sql(change, [source.into(), target.into(), transfer.amount.into()])).await?;
    let note = "INSERT INTO applied (transfer, source, number, consumer) VALUES ($1, $2, $3, $4)";
    let binds = [transfer.id.as_str().into(), source.into(), transfer.number.into(), consumer.into()];
    tx.execute(sql(note, binds)).await?;
    Ok(())
}
