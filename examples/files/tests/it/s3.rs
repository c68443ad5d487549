//! S3 in the process of the test: `s3s-fs`, with signatures.

use std::sync::Arc;

use hyper::Method;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

/// A server with the buckets of the service.
pub(crate) struct S3 {
    url: String,
    _folder: TempDir,
    server: JoinHandle<()>,
}

impl S3 {
    pub(crate) async fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for bucket in ["files", "files-user-setting"] {
            std::fs::create_dir(folder.path().join(bucket)).unwrap();
        }
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("key", "secret"));
        // Data, attributes and `ETag` are files of their own, which S3 changes at once: who writes waits for all others.
        let (service, order) = (builder.build(), Arc::new(RwLock::new(())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, order) = (service.clone(), Arc::clone(&order));
                let one_by_one = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let (service, order) = (service.clone(), Arc::clone(&order));
                    async move {
                        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
                        let _read = if reads { Some(order.read().await) } else { None };
                        let _write = if reads { None } else { Some(order.write().await) };
                        service.call(request.map(s3s::Body::from)).await
                    }
                });
                tokio::spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    drop(http.serve_connection(TokioIo::new(socket), one_by_one).await);
                });
            }
        });
        Self { url, _folder: folder, server }
    }

    /// The settings of the service.
    pub(crate) fn variables(&self) -> [(&str, &str); 5] {
        [
            ("FILES_S3__BUCKET", "files"),
            ("FILES_S3__ENDPOINT", &self.url),
            ("FILES_S3__ALLOW_HTTP", "true"),
            ("FILES_S3__ACCESS_KEY_ID", "key"),
            ("FILES_S3__SECRET_ACCESS_KEY", "secret"),
        ]
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.server.abort();
    }
}
