//! The queries of the dashboards and of the rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::ops;

/// Dashboards that the orders service fills alone; the others are asked of the fixture as well.
const OF_ORDERS: [&str; 4] = ["database", "events", "http", "overview"];

/// Metrics on these dashboards that only failures have which the servers and settings of the orders service exclude: a subject that NATS denies, and
/// more series than a metric may have.
const OF_THE_FIXTURE: [&str; 2] = ["underpin_nats_denied_total", "underpin_telemetry_series_dropped_total"];

/// One query, ready to be asked.
#[derive(Debug)]
pub(crate) struct Expression {
    /// The file that it stands in.
    pub(crate) from: String,
    /// As it is written there.
    pub(crate) written: String,
    /// With values for the variables of a dashboard, and without the thresholds of an alert.
    pub(crate) asked: String,
}

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: Option<String>,
    expr: String,
}

/// The files of rules, for the configuration of Prometheus.
pub(crate) fn rule_files() -> Vec<PathBuf> {
    files("prometheus", "yaml").into_iter().filter(|file| rules(file).is_some()).collect()
}

/// Every query of every panel and rule.
pub(crate) fn all() -> Vec<Expression> {
    let mut all = Vec::new();
    for file in files("grafana", "json") {
        let from = file.file_stem().unwrap().to_string_lossy().into_owned();
        let is_of_orders = OF_ORDERS.contains(&from.as_str());
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let mut written = BTreeSet::new();
        collect(&dashboard["panels"], &mut written);
        assert!(!written.is_empty(), "{from} asks for nothing");
        all.extend(written.into_iter().map(|written| {
            let of_the_fixture = OF_THE_FIXTURE.iter().any(|metric| written.contains(metric));
            let job = if is_of_orders && !of_the_fixture { "orders" } else { ".*" };
            let asked = written.replace("$job", job);
            Expression { from: from.clone(), written, asked }
        }));
    }
    for file in rule_files() {
        let from = file.file_stem().unwrap().to_string_lossy().into_owned();
        all.extend(rules(&file).unwrap().into_iter().map(|rule| {
            let asked = if rule.alert.is_some() { without_thresholds(&rule.expr) } else { rule.expr.clone() };
            Expression { from: from.clone(), written: rule.expr, asked }
        }));
    }
    all
}

fn rules(file: &std::path::Path) -> Option<Vec<Rule>> {
    let file: RuleFile = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).ok()?;
    Some(file.groups.into_iter().flat_map(|group| group.rules).collect())
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(ops().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|file| file.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

fn collect(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An alert that does not fire returns nothing. With `bool` a comparison returns 0 or 1 for each series that it compares.
fn without_thresholds(alert: &str) -> String {
    let comparisons = [" > ", " < ", " >= ", " <= ", " == ", " != "];
    comparisons
        .iter()
        .fold(alert.to_owned(), |text, comparison| text.replace(comparison, &format!("{comparison}bool ")))
}

#[test]
fn a_threshold_hides_no_series() {
    assert_eq!(
        without_thresholds("sum(a{b!=\"c\"}) > 0 and\n d == 1"),
        "sum(a{b!=\"c\"}) > bool 0 and\n d == bool 1"
    );
}
