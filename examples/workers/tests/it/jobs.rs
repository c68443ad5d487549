//! Jobs in the embedded default.

use serde_json::{Value, json};
use underpin_testkit::ServiceProcess;

use crate::start;

/// Enqueues a job; its path.
pub(crate) fn enqueue(service: &ServiceProcess, body: &Value) -> String {
    let accepted = service.post("/api/v1/jobs", &[], body);
    assert_eq!(accepted.status, 202, "{accepted:?}");
    accepted.header("location").unwrap().to_owned()
}

/// Ten steps.
pub(crate) fn image() -> Value {
    json!({"type": "image-processing", "payload": {"image": "cat.png", "operations": vec!["crop"; 10]}})
}

/// Asks until the status is the wanted one; every progress in between, which never falls.
pub(crate) fn progress_until(
    service: &ServiceProcess,
    path: &str,
    seen: &mut Vec<u64>,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let seen = std::cell::RefCell::new(seen);
    let reply = service.get_until(path, |reply| {
        let done = reply.json()["progress"]["done"].as_u64().unwrap();
        let mut seen = seen.borrow_mut();
        assert!(seen.last().is_none_or(|last| *last <= done), "{seen:?}, then {done}");
        if seen.last() != Some(&done) {
            seen.push(done);
        }
        wanted(&reply.json())
    });
    reply.json()
}

#[test]
fn a_job_of_a_killed_worker_goes_on_and_each_step_happens_once() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("WORKERS_SIMULATION__STEP", "500ms"), ("WORKERS_JOBS__LEASE", "5s")];
    let service = start(folder.path(), &variables);
    let (path, mut seen) = (enqueue(&service, &image()), Vec::new());
    progress_until(&service, &path, &mut seen, |job| job["progress"]["done"].as_u64() >= Some(3));
    service.kill();

    let service = start(folder.path(), &variables);
    let job = progress_until(&service, &path, &mut seen, |job| job["status"] == "completed");
    // Counted in a table whose key is job and step.
    assert_eq!(job["progress"], json!({"done": 10, "total": 10}));
    assert_eq!(job["attempt"], 2, "{job}");
    service.stop();
}

#[test]
fn each_kind_has_its_own_kind_of_progress() {
    let folder = tempfile::tempdir().unwrap();
    // Notes are stored once a second: a step takes longer.
    let service = start(folder.path(), &[("WORKERS_SIMULATION__STEP", "30s")]);
    let running = |body: &Value, noted: &str| {
        let path = enqueue(&service, body);
        let wanted = |job: &Value| job["progress"]["note"].as_str().is_some_and(|note| note.contains(noted));
        progress_until(&service, &path, &mut Vec::new(), wanted)
    };
    let mails = json!({"recipients": ["a@example.org", "b@example.org"], "subject": "s", "body": "b"});
    let email = running(&json!({"type": "email", "payload": mails}), "mail 1 of 2");
    assert_eq!(email["progress"]["total"], 2, "{email}");
    let image = running(&image(), "crop");
    assert_eq!(image["progress"]["total"], 10, "{image}");
    let report = json!({"type": "report-generation", "payload": {"title": "t", "rows": 5000}});
    let report = running(&report, "rows read");
    assert_eq!(report["progress"].get("total"), None, "{report}");
    drop(service);
}

#[test]
fn a_job_that_fails_every_time_ends_as_failed() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("WORKERS_SIMULATION__FAILURE_PERCENT", "100"), ("WORKERS_SIMULATION__STEP", "1ms")];
    let service = start(folder.path(), &variables);
    let path = enqueue(&service, &image());
    let job = progress_until(&service, &path, &mut Vec::new(), |job| job["status"] == "failed");
    assert_eq!((&job["attempt"], &job["progress"]["done"]), (&json!(3), &json!(0)), "{job}");
    let failed = service.get("/api/v1/jobs?status=failed").json();
    assert_eq!(failed["jobs"].as_array().unwrap().len(), 1, "{failed}");
    assert_eq!(service.get("/api/v1/jobs?status=completed").json()["jobs"], json!([]));
    service.stop();
}

#[test]
fn a_watcher_hears_of_each_change_and_of_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[("WORKERS_SIMULATION__STEP", "50ms")]);
    let path = enqueue(&service, &image());
    // The response ends by itself, with the job.
    let events = service.get(&format!("{path}/events")).body;
    let jobs: Vec<Value> = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: ").map(|data| serde_json::from_str(data).unwrap()))
        .collect();
    let done: Vec<u64> = jobs.iter().map(|job| job["progress"]["done"].as_u64().unwrap()).collect();
    assert!(done.is_sorted() && done.last() == Some(&10), "{done:?}");
    assert_eq!(jobs.last().unwrap()["status"], "completed");
    service.stop();
}

#[test]
fn what_is_wrong_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    // A job that runs hears of its cancellation when the lease is renewed, three times in its length.
    let variables = [("WORKERS_SIMULATION__STEP", "3s"), ("WORKERS_JOBS__LEASE", "3s")];
    let service = start(folder.path(), &variables);
    let empty = json!({"type": "email", "payload": {"recipients": [], "subject": "s", "body": "b"}});
    service.post("/api/v1/jobs", &[], &empty).problem(400, "INVALID_JOB");
    assert_eq!(service.post("/api/v1/jobs", &[], &json!({"type": "coffee"})).status, 400);
    service.get("/api/v1/jobs/none").problem(404, "JOB_NOT_FOUND");
    service.get("/api/v1/jobs?limit=0").problem(400, "INVALID_QUERY");
    let path = enqueue(&service, &image());
    assert_eq!(service.send("DELETE", &path, &[], "").status, 202);
    progress_until(&service, &path, &mut Vec::new(), |job| job["status"] == "cancelled");
    service.send("DELETE", &path, &[], "").problem(409, "JOB_ENDED");
    service.stop();
}
