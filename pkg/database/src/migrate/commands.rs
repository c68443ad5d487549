use super::{history::MigrationStatus, run, set::Migrations};
use crate::{DatabaseError, Pool};

impl Migrations {
    /// Runs what has not run yet, oldest first, and names it.
    ///
    /// # Errors
    /// - [`Condition::Migration`](crate::Condition::Migration): a migration changed after it ran, one that ran is no longer in the set, or one is older
    ///   than one that ran. The database is unchanged.
    /// - What the database says to a script, under the name of the migration. Those before it stay, of it nothing does.
    ///
    /// # Cancel safety
    /// Cancel-safe: the migration under way is rolled back, and the next call goes on from there.
    pub async fn up(&self, pool: &Pool) -> Result<Vec<String>, DatabaseError> {
        self.check_names()?;
        run::up(self, pool).await
    }

    /// Undoes the last `steps` migrations, newest first, and names them.
    ///
    /// # Errors
    /// As [`up`](Self::up), and [`Condition::Migration`](crate::Condition::Migration) for one that says nothing about how to undo it.
    ///
    /// # Cancel safety
    /// As [`up`](Self::up).
    pub async fn down(&self, pool: &Pool, steps: usize) -> Result<Vec<String>, DatabaseError> {
        self.check_names()?;
        run::down(self, pool, steps).await
    }

    /// Undoes everything and runs it again: an empty database with its tables. Names what it ran.
    ///
    /// # Errors
    /// As [`down`](Self::down) and [`up`](Self::up).
    ///
    /// # Cancel safety
    /// As [`up`](Self::up).
    pub async fn fresh(&self, pool: &Pool) -> Result<Vec<String>, DatabaseError> {
        self.down(pool, usize::MAX).await?;
        self.up(pool).await
    }

    /// Says of each migration whether it ran. Changes nothing, takes no lock.
    ///
    /// # Errors
    /// What the database says.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn status(&self, pool: &Pool) -> Result<Vec<MigrationStatus>, DatabaseError> {
        run::status(self, pool).await
    }

    /// Runs the seeds, all in one transaction.
    ///
    /// # Errors
    /// What the database says to a script.
    ///
    /// # Cancel safety
    /// Cancel-safe: either all seeds are there or none.
    pub async fn run_seeds(&self, pool: &Pool) -> Result<(), DatabaseError> {
        run::seeds(self, pool).await
    }
}
