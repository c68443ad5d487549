//! The tables as sea-orm entities; `migrations` creates them.

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
