//! `ops/` against the code: metrics that exist, runbooks for alerts, and rules that promtool accepts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::fetch;
use crate::shell::{Done, root, run};

/// Metrics of ours begin like this; others, such as `up`, are those of Prometheus.
const PREFIXES: &[&str] = &["underpin_", "http_server_", "rpc_server_", "process_", "tokio_"];
/// What the exporter appends to a histogram.
const OF_HISTOGRAMS: &[&str] = &["_bucket", "_count", "_sum"];

pub(crate) fn check() -> Done {
    let ops = root().join("ops");
    let code = sources(&root().join("pkg"))?;
    let mut wrong = Vec::new();
    for file in files(&ops)? {
        let text = read(&file)?;
        let unknown = metrics(&text).into_iter().filter(|name| !exists(name, &code));
        wrong.extend(unknown.map(|name| format!("{}: no crate has the metric {name}", file.display())));
    }
    let runbooks: BTreeSet<String> = files(&ops.join("runbooks"))?
        .iter()
        .filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    wrong.extend(against_runbooks(&read(&ops.join("prometheus/alerts.yaml"))?, &runbooks));
    if !wrong.is_empty() {
        return Err(format!("ops/ does not match the code:\n{}", wrong.join("\n")));
    }
    promtool(&ops)
}

/// Checks the rules and the queries of the dashboards, and runs the unit tests of the rules.
fn promtool(ops: &Path) -> Done {
    let (program, folder) = (fetch::promtool()?, ops.join("prometheus"));
    let promtool = |arguments: &[&str]| run(Command::new(&program).args(arguments).current_dir(&folder));
    promtool(&["check", "rules", "recording.yaml", "alerts.yaml"])?;
    promtool(&["test", "rules", "tests.yaml"])?;
    let mut queries = Vec::new();
    for file in files(&ops.join("grafana"))? {
        let dashboard = serde_json::from_str(&read(&file)?);
        collect(&dashboard.map_err(|error| format!("{}: {error}", file.display()))?, &mut queries);
    }
    let rule = |(index, query): (usize, &String)| {
        // What a dashboard puts in place of its variable.
        json!({"record": format!("panel:e{index}"), "expr": query.replace("$job", ".*")})
    };
    let rules: Vec<Value> = queries.iter().enumerate().map(rule).collect();
    let rules = json!({"groups": [{"name": "panels", "rules": rules}]}).to_string();
    let file = std::env::temp_dir().join(format!("underpin-panels-{}.json", std::process::id()));
    fs::write(&file, rules).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    let checked = run(Command::new(&program).args(["check", "rules"]).arg(&file));
    fs::remove_file(&file).map_err(|error| format!("cannot remove {}: {error}", file.display()))?;
    checked
}

/// The queries of a dashboard.
fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An alert links the runbook of its name, and each runbook has its alert.
fn against_runbooks(alerts: &str, runbooks: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let named: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert:")).map(str::trim).collect();
    let linked: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("runbook_url:")).map(str::trim).collect();
    for name in &named {
        if !linked.contains(&format!("ops/runbooks/{name}.md").as_str()) {
            wrong.push(format!("the alert {name} links no runbook"));
        }
        if !runbooks.contains(*name) {
            wrong.push(format!("the alert {name} has no file ops/runbooks/{name}.md"));
        }
    }
    let orphans = runbooks.iter().filter(|name| !named.contains(&name.as_str()));
    wrong.extend(orphans.map(|name| format!("the runbook {name} has no alert")));
    wrong
}

/// The metrics of ours that a text names.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    words
        .filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)) && !word.contains(':'))
        .collect()
}

/// Whether a crate has the name as a literal, or that of its histogram.
fn exists(name: &str, code: &str) -> bool {
    let base = OF_HISTOGRAMS.iter().filter_map(|suffix| name.strip_suffix(suffix));
    base.chain([name]).any(|name| code.contains(&format!("\"{name}\"")))
}

fn sources(pkg: &Path) -> Done<String> {
    let mut all = String::new();
    for folder in fs::read_dir(pkg).map_err(|error| error.to_string())?.filter_map(Result::ok) {
        for file in files(&folder.path().join("src"))? {
            all.push_str(&read(&file)?);
        }
    }
    Ok(all)
}

/// The files of a folder and those below it; none where there is no folder.
fn files(folder: &Path) -> Done<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())?.filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

fn read(file: &Path) -> Done<String> {
    fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_in_code_also_by_its_histogram() {
        let text = "rate(underpin_a_seconds_bucket[5m]) > service:http_server_x:rate and up{job=\"underpin\"} tokio_workers";
        assert_eq!(
            metrics(text).into_iter().collect::<Vec<_>>(),
            ["tokio_workers", "underpin_a_seconds_bucket"]
        );
        let code = r#"const A: &str = "underpin_a_seconds"; gauge!("tokio_workers")"#;
        assert!(metrics(text).into_iter().all(|name| exists(name, code)));
        assert!(!exists("underpin_a", code) && !exists("underpin_b_total", code));
    }

    #[test]
    fn alerts_and_runbooks_belong_to_each_other() {
        let alerts = "- alert: One\n  runbook_url: ops/runbooks/One.md\n- alert: Two\n";
        let runbooks = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let wrong = against_runbooks(alerts, &runbooks(&["One", "Three"]));
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(
            against_runbooks("- alert: One\n  runbook_url: ops/runbooks/One.md\n", &runbooks(&["One"]))
                .is_empty()
        );
    }

    #[test]
    fn what_is_in_the_repository_matches() {
        let ops = root().join("ops");
        let code = sources(&root().join("pkg")).unwrap();
        let texts: Vec<String> = files(&ops).unwrap().iter().map(|file| read(file).unwrap()).collect();
        let unknown: Vec<&str> =
            texts.iter().flat_map(|text| metrics(text)).filter(|name| !exists(name, &code)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
