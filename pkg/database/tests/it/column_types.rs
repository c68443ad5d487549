//! The table of column types in the README, row by row.

use sea_orm::{
    ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _,
    prelude::{Decimal, IpNetwork, TimeDate, TimeDateTime, TimeTime, Uuid},
};
use sqlx::postgres::types::PgRange;
use underpin_database::{Condition, Connections, DatabaseError, Executor, Pool, TxOptions, sql};

use crate::common::{memory, postgres};

/// What both databases keep.
mod common_types {
    use sea_orm::{FromJsonQueryResult, entity::prelude::*};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
    pub struct Address {
        pub city: String,
    }

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    pub enum State {
        #[sea_orm(string_value = "open")]
        Open,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "plain")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub truth: bool,
        pub small: i16,
        pub middle: i32,
        pub large: i64,
        pub single: f32,
        pub double: f64,
        pub text: Option<String>,
        pub bytes: Vec<u8>,
        pub json: Json,
        pub address: Address,
        pub state: State,
        pub price: Decimal,
        pub day: TimeDate,
        pub at: TimeTime,
        pub local: TimeDateTime,
        pub instant: TimeDateTimeWithTimeZone,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What PostgreSQL has besides.
mod of_postgres {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "special")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub tags: Vec<String>,
        pub numbers: Vec<i64>,
        pub prices: Vec<Decimal>,
        pub ids: Vec<Uuid>,
        pub days: Vec<TimeDate>,
        pub host: IpNetwork,
        pub network: IpNetwork,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn day() -> TimeDate {
    TimeDate::from_ordinal_date(2026, 334).unwrap()
}

async fn round_trip(pool: &Pool, create: &str) {
    pool.batch(create).await.unwrap();
    let at = TimeTime::from_hms(12, 30, 15).unwrap();
    let row = common_types::Model {
        id: Uuid::from_u128(7),
        truth: true,
        small: -7,
        middle: i32::MAX,
        large: i64::MIN,
        single: 0.5,
        double: 0.1,
        text: None,
        bytes: vec![0, 255],
        json: serde_json::json!({ "a": [1, null, "x"] }),
        address: common_types::Address { city: "Oslo".to_owned() },
        state: common_types::State::Open,
        price: Decimal::new(1_234_567, 2),
        day: day(),
        at,
        local: TimeDateTime::new(day(), at),
        instant: TimeDateTime::new(day(), at).assume_utc(),
    };
    row.clone().into_active_model().insert(pool).await.unwrap();
    let found = common_types::Entity::find_by_id(row.id).one(pool).await.unwrap();
    assert_eq!(found, Some(row));
}

#[tokio::test]
async fn common_types_on_postgres() {
    let create = "CREATE TABLE plain (id UUID PRIMARY KEY, truth BOOLEAN, small SMALLINT, middle INTEGER, large BIGINT,
        single REAL, double DOUBLE PRECISION, text TEXT, bytes BYTEA, json JSONB, address JSON, state TEXT,
        price NUMERIC(12, 2), day DATE, at TIME, local TIMESTAMP, instant TIMESTAMPTZ)";
    round_trip(&postgres().await.pool, create).await;
}

#[tokio::test]
async fn common_types_on_sqlite() {
    let create = "CREATE TABLE plain (id BLOB PRIMARY KEY, truth BOOLEAN, small INTEGER, middle INTEGER, large INTEGER,
        single REAL, double REAL, text TEXT, bytes BLOB, json TEXT, address TEXT, state TEXT, price REAL, day TEXT, at TEXT,
        local TEXT, instant TEXT)";
    round_trip(&memory().await, create).await;
}

#[tokio::test]
async fn arrays_and_networks_on_postgres() {
    let pool = &postgres().await.pool;
    let create = "CREATE TABLE special (id INT PRIMARY KEY, tags TEXT[], numbers BIGINT[], prices NUMERIC[], ids UUID[], days DATE[],
        host INET, network CIDR)";
    pool.batch(create).await.unwrap();
    let row = of_postgres::Model {
        id: 1,
        tags: vec!["a,b".to_owned(), "\"".to_owned()],
        numbers: vec![1, i64::MIN],
        prices: vec![Decimal::new(199, 2)],
        ids: vec![Uuid::from_u128(1)],
        days: vec![day()],
        host: "10.0.0.7".parse().unwrap(),
        network: "2001:db8::/32".parse().unwrap(),
    };
    row.clone().into_active_model().insert(pool).await.unwrap();
    assert_eq!(of_postgres::Entity::find_by_id(1).one(pool).await.unwrap(), Some(row));
    let within = sql("SELECT 1 FROM special WHERE 'a,b' = ANY (tags) AND host << '10.0.0.0/8'", []);
    assert!(pool.query_one(within).await.unwrap().is_some());
    let bound = sql("SELECT 1 FROM special WHERE numbers @> $1", [vec![1_i64].into()]);
    assert!(pool.query_one(bound).await.unwrap().is_some());
}

#[tokio::test]
async fn numbers_that_a_decimal_cannot_hold_are_errors() {
    let pool = &postgres().await.pool;
    for number in ["'NaN'::numeric", "1e40::numeric"] {
        let row = pool.query_one(sql(format!("SELECT {number}"), [])).await.unwrap().unwrap();
        let refused = DatabaseError::from(row.try_get_by_index::<Decimal>(0).unwrap_err());
        assert_eq!(refused.condition(), Condition::Conversion, "{number}: {refused:?}");
    }
}

#[tokio::test]
async fn ranges_and_intervals_go_through_sqlx_or_as_text() {
    let pool = &postgres().await.pool;
    pool.batch(
        "CREATE TABLE stay (period DATERANGE, beds INT4RANGE, mac MACADDR, notice INTERVAL, nights INT[])",
    )
    .await
    .unwrap();
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    let insert = "INSERT INTO stay VALUES ($1, $2, '08:00:2b:01:02:03', '1 mon 2 days', '{1,NULL}')";
    let period = PgRange::from(day()..day().next_day().unwrap());
    let beds = PgRange::from(1..4);
    sqlx::query(insert).bind(period).bind(beds).execute(tx.sqlx::<sqlx::Postgres>()).await.unwrap();
    let row: (PgRange<TimeDate>, PgRange<i32>, sqlx::postgres::types::PgInterval, Vec<Option<i32>>) =
        sqlx::query_as("SELECT period, beds, notice, nights FROM stay")
            .fetch_one(tx.sqlx::<sqlx::Postgres>())
            .await
            .unwrap();
    assert_eq!((row.0, row.1), (period, beds));
    assert_eq!((row.2.months, row.2.days), (1, 2));
    assert_eq!(row.3, [Some(1), None]);
    tx.commit().await.unwrap();

    let row =
        pool.query_one(sql("SELECT lower(period) AS first, mac::text FROM stay", [])).await.unwrap().unwrap();
    assert_eq!(row.try_get::<TimeDate>("", "first").unwrap(), day());
    assert_eq!(row.try_get::<String>("", "mac").unwrap(), "08:00:2b:01:02:03");
}

#[tokio::test]
async fn what_sqlite_lacks_is_an_error_of_the_statement() {
    let pool = memory().await;
    let network: IpNetwork = "10.0.0.0/8".parse().unwrap();
    for value in [vec![1_i64].into(), network.into()] {
        let refused = pool.query_one(sql("SELECT $1", [value])).await.unwrap_err();
        assert_eq!(refused.condition(), Condition::Statement);
    }
    // A number of 15 digits survives, as the floating-point number that it is.
    let price = Decimal::new(123_456_789_012_345, 2);
    let row = pool.query_one(sql("SELECT CAST($1 AS REAL)", [price.into()])).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<Decimal>(0).unwrap(), price);
}
