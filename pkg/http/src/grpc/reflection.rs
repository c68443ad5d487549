use std::sync::Arc;

use axum::Router;
use tonic_reflection::server::Builder;
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::Logger;

use super::routes::Grpc;
use crate::HttpSettings;

/// Calls at a time: tools and people ask.
const CALLS: usize = 16;

/// Routes of `grpc.reflection.v1` and `v1alpha`, from which tools such as grpcurl learn the services and their messages.
///
/// They show the whole interface. Give them to a listener that only operators reach; `underpin-service` has them on its admin listener.
///
/// `descriptors` are encoded `FileDescriptorSet`s, as `tonic-prost-build` writes them; those of `grpc.health.v1` and of reflection itself are added.
///
/// # Errors
/// One of them cannot be decoded, or has a message without a name.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use underpin_http::grpc::reflection;
/// use underpin_logger::NoopLogger;
///
/// assert!(reflection(&[], Arc::new(NoopLogger)).is_ok());
/// assert!(reflection(&[b"no descriptors"], Arc::new(NoopLogger)).is_err());
/// ```
pub fn reflection(descriptors: &[&[u8]], log: Arc<dyn Logger>) -> Result<Router, Error> {
    let builder = || {
        let health =
            Builder::configure().register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        descriptors.iter().fold(health, |builder, set| builder.register_encoded_file_descriptor_set(set))
    };
    let unreadable = "read the descriptors of the gRPC services";
    let v1 = builder().build_v1().wrap_err(Kind::Internal, unreadable)?;
    let v1alpha = builder().build_v1alpha().wrap_err(Kind::Internal, unreadable)?;
    let settings = HttpSettings::default().max_in_flight(CALLS);
    Ok(Grpc::new(&settings, log).add(v1).add(v1alpha).into_routes())
}
