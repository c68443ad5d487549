//! The tables, as sea-orm entities: the one description that both PostgreSQL and SQLite are created from.

use sea_orm::sea_query::{Index, IndexCreateStatement};
use sea_orm::{ConnectionTrait, Schema};
use underpin_database::{Backend, DatabaseError, Pool, TxOptions};

/// Table `orders`.
pub(crate) mod orders {
    use sea_orm::entity::prelude::*;
    use time::OffsetDateTime;

    use crate::order::{Item, Order, Status};

    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "orders")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) customer: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub(crate) items: Items,
        pub(crate) total_cents: i64,
        pub(crate) status: Status,
        pub(crate) placed_at: OffsetDateTime,
        /// The `Idempotency-Key` of the request that placed it. Absent keys do not collide.
        #[sea_orm(unique)]
        pub(crate) idempotency_key: Option<String>,
    }

    #[derive(
        Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, sea_orm::FromJsonQueryResult,
    )]
    pub(crate) struct Items(pub(crate) Vec<Item>);

    #[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(crate) fn new(order: Order, idempotency_key: Option<String>) -> Self {
            let Order { id, customer, items, total_cents, status, placed_at } = order;
            Self { id, customer, items: Items(items), total_cents, status, placed_at, idempotency_key }
        }
    }

    impl From<Model> for Order {
        fn from(row: Model) -> Self {
            let Model { id, customer, items, total_cents, status, placed_at, idempotency_key: _ } = row;
            Self { id, customer, items: items.0, total_cents, status, placed_at }
        }
    }
}

/// Table `order_stats`: the projection of all `order.placed` events, in its only row.
pub(crate) mod stats {
    use sea_orm::entity::prelude::*;

    /// The key of the only row.
    pub(crate) const ONLY_ROW: i32 = 1;

    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order_stats")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i32,
        pub(crate) orders_placed: i64,
        pub(crate) revenue_cents: i64,
    }

    #[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Creates what is missing, in one transaction. Safe to run at every start, and by several processes at once: on PostgreSQL
/// a lock makes them take turns, on SQLite there is one writer anyway.
pub(crate) async fn create(database: &Pool) -> Result<(), DatabaseError> {
    database
        .transaction(TxOptions::default(), |tx| async move {
            if tx.backend() == Backend::Postgres {
                tx.execute_unprepared(LOCK).await?;
            }
            create_missing(&tx).await
        })
        .await
}

/// The number is one that no other user of the database takes: the letters "orders".
const LOCK: &str = "SELECT pg_advisory_xact_lock(x'6f7264657273'::bigint)";

async fn create_missing(db: &impl ConnectionTrait) -> Result<(), DatabaseError> {
    let schema = Schema::new(db.get_database_backend());
    db.execute(schema.create_table_from_entity(orders::Entity).if_not_exists()).await?;
    db.execute(schema.create_table_from_entity(stats::Entity).if_not_exists()).await?;
    db.execute(&by_customer()).await?;
    Ok(())
}

/// Serves the list of one customer's orders, newest first.
fn by_customer() -> IndexCreateStatement {
    Index::create()
        .name("orders_customer_id")
        .table(orders::Entity)
        .col(orders::Column::Customer)
        .col(orders::Column::Id)
        .if_not_exists()
        .to_owned()
}
