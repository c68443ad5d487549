//! The tables as sea-orm entities; `migrations` creates them.

/// Table `product`.
pub(super) mod product {
    use sea_orm::entity::prelude::*;
    use time::OffsetDateTime;

    use crate::Product;

    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "product")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) name: String,
        pub(crate) description: String,
        pub(crate) price_cents: i64,
        pub(crate) version: i64,
        pub(crate) created_at: OffsetDateTime,
        pub(crate) updated_at: OffsetDateTime,
    }

    #[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl From<Product> for Model {
        fn from(product: Product) -> Self {
            let Product { id, name, description, price_cents, version, created_at, updated_at } = product;
            Self { id, name, description, price_cents, version, created_at, updated_at }
        }
    }

    impl From<Model> for Product {
        fn from(row: Model) -> Self {
            let Model { id, name, description, price_cents, version, created_at, updated_at } = row;
            Self { id, name, description, price_cents, version, created_at, updated_at }
        }
    }
}

/// Table `product_audit`.
pub(super) mod audit {
    use sea_orm::entity::prelude::*;
    use time::OffsetDateTime;

    use crate::{Action, AuditEntry, Product};

    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "product_audit")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) product_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) version: i64,
        pub(crate) action: Action,
        #[sea_orm(column_type = "JsonBinary")]
        pub(crate) product: Product,
        pub(crate) request_id: String,
        pub(crate) at: OffsetDateTime,
    }

    #[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl From<AuditEntry> for Model {
        fn from(entry: AuditEntry) -> Self {
            let AuditEntry { action, product, request_id, at } = entry;
            Self { product_id: product.id, version: product.version, action, product, request_id, at }
        }
    }

    impl From<Model> for AuditEntry {
        fn from(row: Model) -> Self {
            let Model { action, product, request_id, at, .. } = row;
            Self { action, product, request_id, at }
        }
    }
}
