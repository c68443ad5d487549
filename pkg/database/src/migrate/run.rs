use super::{
    history::{self, MigrationStatus},
    lock::MigrationLock,
    migration::Migration,
    set::Migrations,
};
use crate::{Condition, DatabaseError, Pool, Transaction};

pub(super) async fn up(migrations: &Migrations, pool: &Pool) -> Result<Vec<String>, DatabaseError> {
    let lock = MigrationLock::acquire(pool).await?;
    let mut done = Vec::new();
    loop {
        let tx = lock.begin().await?;
        history::create_table(&tx).await?;
        let applied = history::read(&tx, migrations.set()).await?;
        history::check(migrations, &applied, pool.backend())?;
        let position = applied.len();
        let Some(migration) = migrations.list().get(position) else {
            tx.commit().await?;
            lock.release().await;
            return Ok(done);
        };
        run(&tx, migration, migration.up_sql(pool.backend())).await?;
        history::note(&tx, migrations.set(), migration, position).await?;
        tx.commit().await.map_err(|error| failed(migration, error))?;
        done.push(migration.name().to_owned());
    }
}

pub(super) async fn down(
    migrations: &Migrations,
    pool: &Pool,
    steps: usize,
) -> Result<Vec<String>, DatabaseError> {
    let lock = MigrationLock::acquire(pool).await?;
    let mut done = Vec::new();
    while done.len() < steps {
        let tx = lock.begin().await?;
        history::create_table(&tx).await?;
        let applied = history::read(&tx, migrations.set()).await?;
        history::check(migrations, &applied, pool.backend())?;
        let Some(migration) = applied.len().checked_sub(1).and_then(|last| migrations.list().get(last))
        else {
            tx.commit().await?;
            break;
        };
        let Some(script) = migration.down_sql(pool.backend()) else {
            let what = format!("the migration {} does not say how to undo it", migration.name());
            return Err(DatabaseError::said(Condition::Migration, what));
        };
        run(&tx, migration, script).await?;
        history::forget(&tx, migrations.set(), migration.name()).await?;
        tx.commit().await.map_err(|error| failed(migration, error))?;
        done.push(migration.name().to_owned());
    }
    lock.release().await;
    Ok(done)
}

pub(super) async fn status(
    migrations: &Migrations,
    pool: &Pool,
) -> Result<Vec<MigrationStatus>, DatabaseError> {
    let applied = history::peek(pool, migrations.set()).await?;
    Ok(history::compare(migrations, &applied, pool.backend()))
}

pub(super) async fn seeds(migrations: &Migrations, pool: &Pool) -> Result<(), DatabaseError> {
    let lock = MigrationLock::acquire(pool).await?;
    let tx = lock.begin().await?;
    for script in migrations.seeds() {
        tx.batch(script.on(pool.backend())).await?;
    }
    tx.commit().await?;
    lock.release().await;
    Ok(())
}

async fn run(tx: &Transaction, migration: &Migration, script: &str) -> Result<(), DatabaseError> {
    tx.batch(script).await.map(drop).map_err(|error| failed(migration, error))
}

fn failed(migration: &Migration, error: DatabaseError) -> DatabaseError {
    DatabaseError::because(error.condition(), format!("the migration {} failed", migration.name()), error)
}
