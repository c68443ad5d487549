//! Rows by their key with SQL that is built once: the same rows as through `find_by_id`, on whatever sea-orm runs on.

use crate::common::{memory, postgres};
use sea_orm::{DatabaseBackend, EntityTrait as _, MockDatabase};
use underpin_database::{Connections, Executor, FindByKey as _, Pool, TxOptions, sql};

/// A key of two columns, and a column that is cast when it is read from PostgreSQL.
mod seat {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "state")]
    pub enum State {
        #[sea_orm(string_value = "free")]
        Free,
        #[sea_orm(string_value = "taken")]
        Taken,
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "seat")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hall: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        pub state: State,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A key that is an enumeration of the database, which the query has to cast.
mod flag {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "flag")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub state: super::seat::State,
        pub set: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const ROWS: &str = "INSERT INTO seat VALUES ('red', 1, 'free'), ('red', 2, 'taken'), ('blue', 1, 'taken')";

async fn create_seats(pool: &Pool) {
    pool.batch("CREATE TABLE seat (hall TEXT, number INT, state TEXT NOT NULL, PRIMARY KEY (hall, number))")
        .await
        .unwrap();
    pool.batch(ROWS).await.unwrap();
}

async fn the_same_rows_as_by_id(pool: &Pool) {
    // Twice: the first query builds the SQL, the second finds it.
    for _ in 0..2 {
        for (hall, number) in [("red", 1), ("red", 2), ("blue", 1), ("blue", 2), ("1", 1)] {
            let key = || (hall.to_owned(), number);
            let by_id = seat::Entity::find_by_id(key()).one(pool).await.unwrap();
            assert_eq!(seat::Entity::find_by_key(pool, key()).await.unwrap(), by_id);
            assert_eq!(by_id.is_some(), ROWS.contains(&format!("('{hall}', {number}")));
        }
    }
}

#[tokio::test]
async fn composite_keys_and_enumerations_on_postgres() {
    let postgres = postgres().await;
    let pool = &postgres.pool;
    pool.batch(
        "CREATE TYPE state AS ENUM ('free', 'taken');
         CREATE TABLE seat (hall TEXT, number INT, state state NOT NULL, PRIMARY KEY (hall, number));
         CREATE TABLE flag (state state PRIMARY KEY, set BOOL NOT NULL);
         INSERT INTO flag VALUES ('taken', true)",
    )
    .await
    .unwrap();
    pool.batch(ROWS).await.unwrap();
    the_same_rows_as_by_id(pool).await;
    for _ in 0..2 {
        let taken = flag::Entity::find_by_key(pool, seat::State::Taken).await.unwrap();
        assert_eq!(taken, Some(flag::Model { state: seat::State::Taken, set: true }));
        assert_eq!(flag::Entity::find_by_key(pool, seat::State::Free).await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_same_entity_on_another_kind_of_database_has_sql_of_its_own() {
    let (postgres, sqlite) = (postgres().await, memory().await);
    for pool in [&postgres.pool, &sqlite] {
        create_seats(pool).await;
    }
    the_same_rows_as_by_id(&sqlite).await;
    the_same_rows_as_by_id(&postgres.pool).await;
}

#[tokio::test]
async fn a_transaction_sees_its_own_changes_by_key() {
    let pool = memory().await;
    create_seats(&pool).await;
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    tx.execute(sql("UPDATE seat SET state = 'taken' WHERE hall = $1", ["red".into()])).await.unwrap();
    let key = || ("red".to_owned(), 1);
    assert_eq!(seat::Entity::find_by_key(&tx, key()).await.unwrap().unwrap().state, seat::State::Taken);
    tx.rollback().await.unwrap();
    assert_eq!(seat::Entity::find_by_key(&pool, key()).await.unwrap().unwrap().state, seat::State::Free);
}

#[tokio::test]
async fn the_mock_of_sea_orm_answers_and_shows_one_statement_for_all_keys() {
    let row = seat::Model { hall: "red".into(), number: 7, state: seat::State::Free };
    let mock = MockDatabase::new(DatabaseBackend::MySql)
        .append_query_results([vec![row.clone()], vec![], vec![]])
        .into_connection();
    assert_eq!(seat::Entity::find_by_key(&mock, ("red".to_owned(), 7)).await.unwrap(), Some(row));
    for number in [8, 9] {
        assert_eq!(seat::Entity::find_by_key(&mock, ("red".to_owned(), number)).await.unwrap(), None);
    }
    let log = mock.into_transaction_log();
    let statements: Vec<_> = log.iter().map(|entry| entry.statements()[0].clone()).collect();
    assert_eq!(statements.len(), 3);
    assert_eq!(
        statements[0].sql,
        "SELECT `seat`.`hall`, `seat`.`number`, `seat`.`state` FROM `seat` WHERE `seat`.`hall` = ? AND `seat`.`number` = ?"
    );
    for (statement, number) in statements.iter().zip(7..) {
        assert_eq!(statement.sql, statements[0].sql);
        assert_eq!(statement.values.as_ref().unwrap().0, ["red".into(), number.into()]);
    }
}
