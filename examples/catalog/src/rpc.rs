//! The service `product` for callers over NATS; inside of this process where there is none.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use underpin_errors::Error;
use underpin_rpc::{Call, Method, Service};

use crate::{Change, Found, Listing, PageQuery, Product, Products};

/// `product.create`
pub const CREATE: Method<Change, Product> = Method::new("product", "create");
/// `product.get`
pub const GET: Method<ProductId, Found> = Method::new("product", "get").idempotent();
/// `product.list`
pub const LIST: Method<PageQuery, Listing> = Method::new("product", "list").idempotent();
/// `product.update`
pub const UPDATE: Method<UpdateProduct, Product> = Method::new("product", "update");
/// `product.delete`
pub const DELETE: Method<ProductId, ()> = Method::new("product", "delete");

/// Names a product.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductId {
    /// Its id.
    pub id: String,
}

/// Names a product and what it shall say.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateProduct {
    /// Its id.
    pub id: String,
    /// The body of `PUT /api/v1/products/{id}`.
    pub product: Change,
}

/// The endpoints. Instances in several processes share the calls.
pub(crate) fn service(products: &Arc<Products>) -> Service {
    let products = || Arc::clone(products);
    Service::new("product", env!("CARGO_PKG_VERSION"))
        .description("products")
        .on_with(&CREATE, products(), create)
        .on_with(&GET, products(), get)
        .on_with(&LIST, products(), list)
        .on_with(&UPDATE, products(), update)
        .on_with(&DELETE, products(), delete)
}

async fn create(products: Arc<Products>, change: Change, call: Call) -> Result<Product, Error> {
    products.create(call.context(), &change).await
}

async fn get(products: Arc<Products>, ProductId { id }: ProductId, call: Call) -> Result<Found, Error> {
    products.get(call.context(), &id).await
}

async fn list(products: Arc<Products>, query: PageQuery, call: Call) -> Result<Listing, Error> {
    products.list(call.context(), &query).await
}

async fn update(products: Arc<Products>, update: UpdateProduct, call: Call) -> Result<Product, Error> {
    products.update(call.context(), &update.id, &update.product).await
}

async fn delete(products: Arc<Products>, ProductId { id }: ProductId, call: Call) -> Result<(), Error> {
    products.delete(call.context(), &id).await
}
