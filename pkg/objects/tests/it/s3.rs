//! S3 as `s3s-fs` has it, in this process, made atomic.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;
use tokio_util::task::AbortOnDropHandle;
use underpin_config::ByteSize;
use underpin_objects::conformance::{ObjectCapabilities, ObjectsHarness};
use underpin_objects::{
    ExternalObjects, GetObject, ObjectBucketSettings, ObjectDigest, ObjectName, Objects, ObjectsExt,
    PresignUpload, PresignedRequest, PutObject, S3Settings, StoreError,
};

use crate::support::eventually;

struct S3 {
    url: String,
    folder: TempDir,
    _server: AbortOnDropHandle<()>,
}

/// `s3s-fs` looks whether an object is there, renames its file, and writes the attributes and the `ETag` as separate files; a
/// read looks at them one after the other. S3 does each at once: so a request that writes waits for all others. The body of an
/// answer comes from a file that was opened before and is never changed.
async fn one_by_one(
    service: S3Service,
    order: Arc<RwLock<()>>,
    request: Request<Incoming>,
) -> Result<s3s::HttpResponse, s3s::HttpError> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        let _reads = order.read().await;
        return service.call(request.map(s3s::Body::from)).await;
    }
    let _writes = order.write().await;
    service.call(request.map(s3s::Body::from)).await
}

impl S3 {
    async fn serve() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("a file system"));
        builder.set_auth(SimpleAuth::from_single("key", "secret"));
        let (service, order) = (builder.build(), Arc::new(RwLock::new(())));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, order) = (service.clone(), Arc::clone(&order));
                let service =
                    service_fn(move |request| one_by_one(service.clone(), Arc::clone(&order), request));
                tokio::spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    drop(http.serve_connection(TokioIo::new(socket), service).await);
                });
            }
        });
        Self { url, folder, _server: AbortOnDropHandle::new(server) }
    }

    fn open(&self, bucket: &str) -> ExternalObjects {
        std::fs::create_dir_all(self.folder.path().join(bucket)).expect("a bucket");
        let settings = S3Settings::new(bucket).endpoint(&self.url).allow_http(true).keys("key", "secret");
        ExternalObjects::s3(&settings.part_size(ByteSize::mib(5))).expect("valid settings")
    }
}

#[async_trait]
impl ObjectsHarness for S3 {
    async fn start() -> Self {
        Self::serve().await
    }

    async fn bucket(&self, settings: ObjectBucketSettings) -> Arc<dyn Objects> {
        Arc::new(self.open(&settings.name))
    }

    fn capabilities(&self) -> ObjectCapabilities {
        let mut capabilities = ObjectCapabilities::none();
        capabilities.replace_version = true;
        capabilities.attributes = true;
        capabilities.digest = true;
        capabilities.presign = true;
        capabilities
    }
}

underpin_objects::objects_tests!(S3);

/// Sends a request as a client without a library would, and returns the status and the body.
async fn send(request: &PresignedRequest, body: &[u8]) -> (u16, Vec<u8>) {
    let rest = request.url.strip_prefix("http://").expect("a URL");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut socket = TcpStream::connect(host).await.expect("connected");
    let headers: String =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head =
        format!("{} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n", request.method);
    socket.write_all(&[head.as_bytes(), body].concat()).await.expect("sent");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.expect("an answer");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("headers");
    let status = String::from_utf8_lossy(&answer[9..12]).parse().expect("a status");
    (status, answer.split_off(end + 4))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_presigned_upload_has_the_signed_length_and_digest_or_none() {
    let server = S3::serve().await;
    let files: Arc<dyn Objects> = Arc::new(server.open("files"));
    let (name, data) = (ObjectName::new("up load/a.txt").unwrap(), b"hello".as_slice());
    let presign = files.presign().expect("S3 has it");
    let upload = PresignUpload::new(5, ObjectDigest::of(data)).content_type("text/plain");
    let minute = Duration::from_secs(60);
    let request = presign.presign_put(&name, upload.clone(), minute).await.unwrap();
    assert!(!format!("{request:?}").contains("Signature"), "a secret");
    let with = |name: &str, value: &str| {
        let mut other = request.clone();
        for (found, old) in &mut other.headers {
            if found == name {
                value.clone_into(old);
            }
        }
        other
    };
    // Another length, another digest, another type than signed, and other data than the digest says.
    let other = STANDARD.encode(ObjectDigest::of("hallo").as_bytes());
    for (request, body) in [
        (with("content-length", "6"), b"hello!".as_slice()),
        (with("x-amz-checksum-sha256", &other), b"hallo"),
        (with("content-type", "text/html"), data),
    ] {
        let (status, answer) = send(&request, body).await;
        assert!((400..500).contains(&status), "{status}: {}", String::from_utf8_lossy(&answer));
        assert!(files.head(&name).await.unwrap().is_none());
    }
    // Unlike S3, `s3s-fs` keeps the data that it refuses for its digest.
    let (status, answer) = send(&request, b"hallo").await;
    assert!(status == 400 && answer.windows(9).any(|text| text == b"BadDigest"), "{status}");
    let (status, answer) = send(&request, data).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    assert_eq!(files.read_bytes(&name, 10).await.unwrap().unwrap(), "hello");

    let request = presign.presign_get(&name, minute).await.unwrap();
    assert_eq!(send(&request, b"").await, (200, data.to_vec()));
    let short = presign.presign_get(&name, Duration::from_secs(1)).await.unwrap();
    eventually("it expires", || async { send(&short, b"").await.0 == 403 }).await;
    for lasts in [Duration::ZERO, Duration::from_secs(8 * 24 * 3600)] {
        let refused = presign.presign_get(&name, lasts).await;
        assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_and_a_large_expectation_are_refused() {
    let server = S3::serve().await;
    let files = Arc::new(server.open("files"));
    files.put_bytes("a", "hello").await.unwrap();
    std::fs::write(server.folder.path().join("files/a"), "hallo").unwrap();
    let found = files.read_bytes("a", 10).await;
    assert!(matches!(found, Err(StoreError::Corrupt(_))), "{found:?}");

    let name = ObjectName::new("large").unwrap();
    let large = Bytes::from(vec![7; 6 * 1024 * 1024]);
    let absent = PutObject::default().expect(underpin_objects::ObjectExpect::Absent);
    let refused = files.put(&name, large.clone().into(), absent).await;
    assert!(matches!(refused, Err(StoreError::Unsupported { .. })), "{refused:?}");
    let options = PutObject::default().digest(ObjectDigest::of(&large));
    let stored = files.put(&name, large.clone().into(), options).await.unwrap();
    assert_eq!(stored.digest, Some(ObjectDigest::of(&large)));
    let reader = files.get(&name, GetObject::default()).await.unwrap().unwrap();
    assert_eq!(reader.info().digest, stored.digest);
    assert!(reader.read_all(usize::MAX).await.unwrap() == large);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_away_is_unavailable_and_names_no_secret() {
    let settings =
        S3Settings::new("files").endpoint("http://127.0.0.1:9").allow_http(true).keys("key", "secret");
    assert!(!format!("{settings:?}").contains("\"secret\""), "{settings:?}");
    let without_tls = S3Settings::new("files").endpoint("http://127.0.0.1:9").keys("key", "secret");
    assert!(ExternalObjects::s3(&S3Settings::new("").keys("a", "b")).is_err());
    assert!(ExternalObjects::s3(&without_tls).is_ok());
    let files = ExternalObjects::s3(&settings).unwrap();
    assert!(!format!("{files:?}").contains("secret"), "{files:?}");
}
