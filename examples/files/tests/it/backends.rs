//! The same tests for a folder, JetStream and S3; and what only S3 does.

use serde_json::json;
use underpin_testkit::{NatsServer, PostgresDatabase, ServiceProcess};

use crate::s3::S3;
use crate::support::{complete, initiate, names, path_of, send, start, upload};

/// What every backend does.
fn all_of_it(service: &ServiceProcess) {
    let data = "0123456789".repeat(100_000);
    let file = upload(service, "digits.txt", "text/plain", &data);
    let path = path_of(&file);
    assert!(service.get(&path).body == data);
    let part = service.send("GET", &path, &[("range", "bytes=500005-500014")], "");
    assert_eq!((part.status, part.body.as_str()), (206, "5678901234"));

    let by_link = initiate(service, "link.txt", "hello");
    assert!((200..300).contains(&send(service, &by_link, &[], "hello").status));
    assert_eq!(complete(service, &by_link).status, 200);
    assert_eq!(service.get(&path_of(&by_link)).body, "hello");
    assert_eq!(names(service), ["digits.txt", "link.txt"]);
    assert_eq!(service.send("DELETE", &path, &[], "").status, 204);
    assert_eq!(names(service), ["link.txt"]);

    let saved = "/api/v1/user-settings/user123.json";
    let json = [("content-type", "application/json")];
    assert_eq!(service.send("PUT", saved, &json, "{\"theme\":\"dark\"}").status, 200);
    assert_eq!(service.get(saved).json(), json!({"theme": "dark"}));
    assert_eq!(service.send("POST", &format!("{saved}/archive"), &[], "").status, 202);
    service.get_until(saved, |reply| reply.status == 404);
}

#[test]
fn a_folder_passes() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    all_of_it(&service);
    service.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jetstream_passes_and_another_process_has_the_same_files() {
    let (database, nats) = (PostgresDatabase::fresh().await, NatsServer::private().await);
    let folder = tempfile::tempdir().unwrap();
    let variables = [("DATABASE_URL", database.url()), ("NATS_URL", nats.url())];
    let first = start(folder.path(), &variables);
    all_of_it(&first);
    let upload = initiate(&first, "shared.txt", "hello");
    let second = start(folder.path(), &variables);
    first.kill();
    // The link of one process is good at the other.
    assert_eq!(send(&second, &upload, &[], "hello").status, 204);
    assert_eq!(complete(&second, &upload).status, 200);
    assert_eq!(names(&second), ["link.txt", "shared.txt"]);
    second.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_passes_and_takes_the_data_itself() {
    let (s3, folder) = (S3::serve().await, tempfile::tempdir().unwrap());
    let service = start(folder.path(), &s3.variables());
    all_of_it(&service);

    let upload = initiate(&service, "a.txt", "hello");
    let request = &upload["upload"];
    assert!(request["url"].as_str().unwrap().contains("X-Amz-Signature="), "{request}");
    for (others, data) in [
        (vec![], "hello!"),
        (vec![("content-type", "text/html")], "hello"),
        (vec![("x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")], "hello"),
    ] {
        let refused = send(&service, &upload, &others, data);
        assert_eq!(refused.status, 403, "{refused:?}");
    }
    complete(&service, &upload).problem(409, "UPLOAD_MISSING");
    // `s3s-fs` refuses other bytes and keeps them, which S3 does not: the service compares what is there.
    assert_eq!(send(&service, &upload, &[], "hallo").status, 400);
    complete(&service, &upload).problem(409, "DIGEST_MISMATCH");
    assert_eq!(send(&service, &upload, &[], "hello").status, 200);
    assert_eq!(complete(&service, &upload).status, 200);
    service.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_of_s3_expires() {
    let (s3, folder) = (S3::serve().await, tempfile::tempdir().unwrap());
    let variables = [s3.variables().as_slice(), &[("FILES_UPLOADS__LINK_LASTS", "1s")]].concat();
    let service = start(folder.path(), &variables);
    let upload = initiate(&service, "a.txt", "hello");
    underpin_testkit::eventually_blocking(ServiceProcess::LIMIT, "the link expires", || {
        send(&service, &upload, &[], "hello").status == 403
    });
    service.stop();
}
