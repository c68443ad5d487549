//! The settings of users, over HTTP. `tests/clients.rs` has them over NATS.

use serde_json::json;
use underpin_testkit::ServiceProcess;

use crate::support::start;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn archived(service: &ServiceProcess, filename: &str) {
    let path = format!("/api/v1/user-settings/{filename}");
    assert_eq!(service.send("POST", &format!("{path}/archive"), &[], "").status, 202);
    service.get_until(&path, |reply| reply.status == 404).problem(404, "SETTINGS_NOT_FOUND");
}

#[test]
fn settings_are_saved_replaced_and_archived() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let path = "/api/v1/user-settings/user123.json";
    let saved = service.send("PUT", path, &JSON, "{\"theme\": \"dark\", \"lang\": \"en\"}");
    assert_eq!(saved.json(), json!({"success": true, "filename": "user123.json", "size": 28}));
    let saved = service.send("PUT", path, &JSON, "{\"theme\": \"light\"}");
    assert_eq!(saved.json()["size"], 17);
    // Acknowledged is stored.
    service.kill();
    let service = start(folder.path(), &[]);
    assert_eq!(service.get(path).json(), json!({"theme": "light"}));

    archived(&service, "user123.json");
    let bucket = folder.path().join("data/files.db.user-setting.objects");
    let zip = std::fs::File::open(bucket.join("user123.zip")).unwrap();
    let mut zip = zip::ZipArchive::new(zip).unwrap();
    let content = std::io::read_to_string(zip.by_name("user123.json").unwrap()).unwrap();
    assert_eq!(content, "{\"theme\":\"light\"}");
    assert_eq!(std::fs::read_dir(bucket).unwrap().count(), 1);
    let line = service.log.wait_for("the archive", |line| line["msg"] == "settings archived");
    assert_eq!(line["archive"], "user123.zip");
    service.stop();
}

#[test]
fn what_are_no_settings_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    for filename in ["..%2Fuser.json", "user.zip", ".json", "a%2Fb.json"] {
        let path = format!("/api/v1/user-settings/{filename}");
        service.send("PUT", &path, &JSON, "{}").problem(400, "INVALID_FILENAME");
        service.get(&path).problem(400, "INVALID_FILENAME");
        service.send("POST", &format!("{path}/archive"), &[], "").problem(400, "INVALID_FILENAME");
    }
    let path = "/api/v1/user-settings/large.json";
    let large = json!("x".repeat(64 * 1024)).to_string();
    service.send("PUT", path, &JSON, &large).problem(400, "SETTINGS_TOO_LARGE");
    assert_eq!(service.send("PUT", path, &JSON, "{").status, 400);
    service.get(path).problem(404, "SETTINGS_NOT_FOUND");
    // Nobody hears of it, but the log.
    assert_eq!(service.send("POST", &format!("{path}/archive"), &[], "").status, 202);
    service.log.wait_for("the failure", |line| line["msg"] == "settings not archived");
    service.stop();
}
