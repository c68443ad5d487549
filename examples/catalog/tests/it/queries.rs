//! `.sqlx` says of each statement what PostgreSQL says of it after the migrations.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};

use crate::support::postgres;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn the_descriptions_of_the_queries_are_those_of_the_tables() {
    let (database, _server) = postgres().await;
    let mut connection = database.sqlx().await.unwrap();
    let connection = connection.postgres().unwrap();
    let mut described = BTreeSet::new();
    for file in files(".sqlx") {
        let mut known: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let text = known["query"].as_str().unwrap().to_owned();
        let sql = AssertSqlSafe(text.clone()).into_sql_str();
        let now = connection.describe(sql).await.unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut now = serde_json::to_value(now).unwrap();
        for description in [&mut now, &mut known["describe"]] {
            // Which table a column is of is for tools.
            for column in description["columns"].as_array_mut().unwrap() {
                column.as_object_mut().unwrap().remove("origin");
            }
        }
        assert_eq!(now, known["describe"], "the README says how to write .sqlx again: {}", file.display());
        described.insert(text);
    }
    let written = files("queries").into_iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    assert_eq!(described, written, "a description for each query, and no other");
}
