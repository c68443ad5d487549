//! Code as sea-orm's documentation has it, on `&Pool`: nothing but the type of the connection is different.

use sea_orm::{
    ConnectionTrait, TransactionError, TransactionTrait, entity::*, error::*, query::*, sea_query,
};
use underpin_database::{Backend, Pool};

use crate::common::{memory, postgres};

mod cake {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "cake")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use cake::Entity as Cake;

async fn schema(db: &Pool) -> Result<(), DbErr> {
    db.get_schema_builder().register(cake::Entity).apply(db).await
}

async fn insert_and_select(db: &Pool) -> Result<(), DbErr> {
    let cheese = cake::ActiveModel { name: Set("Cheese Cake".to_owned()), ..Default::default() };
    let cheese: cake::Model = cheese.insert(db).await?;
    let res =
        Cake::insert(cake::ActiveModel { name: Set("Chocolate Forest".to_owned()), ..Default::default() })
            .exec(db)
            .await?;
    assert_eq!(res.last_insert_id, cheese.id + 1);

    let cake: Option<cake::Model> = Cake::find_by_id(cheese.id).one(db).await?;
    assert_eq!(cake, Some(cheese));
    let chocolate: Vec<cake::Model> = Cake::find()
        .filter(cake::Column::Name.contains("chocolate"))
        .order_by_asc(cake::Column::Name)
        .all(db)
        .await?;
    assert_eq!(chocolate.len(), usize::from(db.backend() == Backend::Sqlite), "LIKE ignores case there");
    let mut pages = Cake::find().order_by_asc(cake::Column::Id).paginate(db, 50);
    assert_eq!(pages.fetch_and_next().await?.unwrap_or_default().len(), 2);

    let mut cake: cake::ActiveModel =
        Cake::find_by_id(1).one(db).await?.ok_or(DbErr::RecordNotFound("cake".to_owned()))?.into();
    cake.name = Set("Sweet Cake".to_owned());
    let cake: cake::Model = cake.update(db).await?;
    assert_eq!(cake.name, "Sweet Cake");
    Ok(())
}

/// The chapters on custom queries.
async fn statements(db: &Pool) -> Result<(), DbErr> {
    let builder = db.get_database_backend();
    let select = sea_query::Query::select().column(cake::Column::Name).from(cake::Entity).to_owned();
    let row = db.query_one(&select).await?.ok_or(DbErr::Custom("no row".to_owned()))?;
    let name: String = row.try_get("", "name")?;
    assert!(!name.is_empty());
    assert_eq!(db.query_all(&select).await?.len(), 2);
    let rows = db.query_all_raw(builder.build(&select)).await?;
    assert_eq!(rows.len(), 2);

    let update = sea_query::Query::update()
        .table(cake::Entity)
        .value(cake::Column::Name, "Fruit Cake")
        .and_where(cake::Column::Id.eq(2))
        .to_owned();
    let exec_res = db.execute(&update).await?;
    assert_eq!(exec_res.rows_affected(), 1);
    let exec_res = db.execute_unprepared("DELETE FROM cake WHERE id = 99").await?;
    assert_eq!(exec_res.rows_affected(), 0);
    db.ping().await
}

/// The chapter on transactions.
async fn transactions(db: &Pool) -> Result<(), DbErr> {
    db.transaction::<_, (), DbErr>(|txn| {
        Box::pin(async move {
            cake::ActiveModel { name: Set("SeaSide Cake".to_owned()), ..Default::default() }
                .save(txn)
                .await?;
            Ok(())
        })
    })
    .await
    .map_err(|error| match error {
        TransactionError::Connection(error) | TransactionError::Transaction(error) => error,
    })?;

    let txn = db.begin().await?;
    cake::ActiveModel { name: Set("SeaSide Bakery".to_owned()), ..Default::default() }.save(&txn).await?;
    {
        let nested = txn.begin().await?;
        Cake::delete_many().exec(&nested).await?;
        nested.rollback().await?;
    }
    txn.commit().await?;
    assert_eq!(Cake::find().count(db).await?, 4);

    let refused = db
        .transaction_async::<_, (), DbErr>(async |txn| {
            Cake::delete_many().exec(txn).await?;
            Err(DbErr::Custom("no".to_owned()))
        })
        .await;
    assert!(matches!(refused, Err(TransactionError::Transaction(DbErr::Custom(_)))));
    let counted = db
        .transaction_with_config_async::<_, u64, DbErr>(
            async |txn| Cake::find().count(txn).await,
            Some(sea_orm::IsolationLevel::Serializable),
            Some(sea_orm::AccessMode::ReadOnly),
        )
        .await;
    assert_eq!(counted.ok(), Some(4));
    Ok(())
}

/// A function that is generic over sea-orm's traits, as libraries have them.
async fn generic<C: ConnectionTrait + TransactionTrait>(db: &C) -> Result<u64, DbErr> {
    let txn = db.begin().await?;
    let count = Cake::find().count(&txn).await?;
    sea_orm::TransactionSession::commit(txn).await?;
    Ok(count)
}

async fn all(db: &Pool) -> Result<(), DbErr> {
    schema(db).await?;
    insert_and_select(db).await?;
    statements(db).await?;
    transactions(db).await?;
    assert_eq!(generic(db).await?, 4);
    Ok(())
}

#[tokio::test]
async fn it_runs_on_postgres() {
    all(&postgres().await.pool).await.unwrap();
}

#[tokio::test]
async fn it_runs_on_sqlite() {
    all(&memory().await).await.unwrap();
}
