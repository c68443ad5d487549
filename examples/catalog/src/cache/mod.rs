//! Cache-aside: reads look into the cache first, and writes make it forget.

mod buckets;
mod source;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use underpin_errors::Error;
use underpin_logger::{Context, Logger, debug};
use underpin_store::{Cache, CacheSettings, InvalidationFeed, KeyValue, KeyValueFeed, StoreError, Ttl};
use uuid::Uuid;

use self::source::Source;
use crate::{Found, Listing, Page, PageQuery, Product, Storage};

/// Every page may show every product.
const TAG: &str = "products";

/// Products and pages in memory, and below it in buckets that processes share. Clones share it.
///
/// A load that began before an invalidation keeps nothing, in memory and in the bucket: no reader puts an old value back. What does not
/// exist is kept, too. Where the bucket is away, each process still has its memory and the database.
#[derive(Clone)]
pub struct ProductCache {
    storage: Arc<dyn Storage>,
    products: Cache<Uuid, Option<Product>>,
    pages: Cache<String, Page>,
    log: Arc<dyn Logger>,
}

impl ProductCache {
    /// A cache before this storage.
    ///
    /// # Errors
    /// A setting that is out of range.
    ///
    /// # Panics
    /// Outside of a runtime, with feeds.
    pub fn new(
        storage: Arc<dyn Storage>,
        settings: &CacheSettings,
        level_two: [Arc<dyn KeyValue>; 2],
        feeds: Option<[Arc<dyn KeyValue>; 2]>,
        log: Arc<dyn Logger>,
    ) -> Result<Self, StoreError> {
        let ttl = Ttl::After(settings.ttl.max(Duration::from_secs(1)));
        let [products_bucket, pages_bucket] = level_two;
        let products = Cache::builder(settings.clone()).name("products").second_level(products_bucket, ttl);
        let pages = Cache::builder(settings.clone())
            .name("pages")
            .tags(|_: &String, _: &Page| vec![TAG.to_owned()])
            .second_level(pages_bucket, ttl);
        let (products, pages) = match feeds.map(|feeds| feeds.map(feed)) {
            Some([of_products, of_pages]) => (products.feed(of_products), pages.feed(of_pages)),
            None => (products, pages),
        };
        // Each get brings its load, which tells whether it was needed.
        let products = products.loading(async |_| Ok(None))?;
        let pages = pages.loading(async |_| Ok(None))?;
        Ok(Self { storage, products, pages, log })
    }

    /// A product, from memory, the second level, or the storage.
    ///
    /// # Errors
    /// What the storage says; 404 `PRODUCT_NOT_FOUND`.
    pub async fn get(&self, ctx: &Context, id: Uuid) -> Result<Found, Error> {
        let source = Source::default();
        let (storage, loaded, load_ctx) = (Arc::clone(&self.storage), source.clone(), ctx.clone());
        let load = move |id| async move {
            loaded.is_storage();
            Ok::<_, Error>(storage.get(&load_ctx, id).await?)
        };
        let product = self.products.get_or_load(&id, load).await?;
        let from_cache = source.is_cache();
        self.note(ctx, "product", from_cache);
        product.map(|product| Found { product, from_cache }).ok_or_else(missing)
    }

    /// A page of products.
    ///
    /// # Errors
    /// What the storage says; 400 `INVALID_QUERY`.
    pub async fn list(&self, ctx: &Context, query: &PageQuery) -> Result<Listing, Error> {
        let (limit, after) = query.check()?;
        let source = Source::default();
        let (storage, loaded, load_ctx) = (Arc::clone(&self.storage), source.clone(), ctx.clone());
        let load = move |_| async move {
            loaded.is_storage();
            // One more, to know whether there is another page.
            let products = storage.list(&load_ctx, limit + 1, after).await?;
            Ok::<_, Error>(Page::of(products, limit))
        };
        let key = format!("{limit}.{}", after.map(|after| after.to_string()).unwrap_or_default());
        let Page { products, next_cursor } = self.pages.get_or_load(&key, load).await?;
        let from_cache = source.is_cache();
        self.note(ctx, "page", from_cache);
        Ok(Listing { products, next_cursor, from_cache })
    }

    /// Forgets a product and every page: here, in the second level, and in other processes. Call it after the commit of a change.
    ///
    /// # Errors
    /// The second level or the feed does not answer: others may have the old value still, until it is called again.
    ///
    /// # Cancel safety
    /// The product may be forgotten here only.
    pub async fn invalidate(&self, id: Uuid) -> Result<(), Error> {
        let product = self.products.invalidate(&id).await;
        let pages = self.pages.invalidate_tag(TAG).await;
        Ok(product.and(pages)?)
    }

    fn note(&self, ctx: &Context, what: &str, from_cache: bool) {
        if from_cache {
            debug!(self.log, ctx, "cache hit", what);
        } else {
            debug!(self.log, ctx, "cache miss", what);
        }
    }
}

impl fmt::Debug for ProductCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { products, pages, .. } = self;
        f.debug_struct("ProductCache")
            .field("products", products)
            .field("pages", pages)
            .finish_non_exhaustive()
    }
}

fn feed(bucket: Arc<dyn KeyValue>) -> Arc<dyn InvalidationFeed> {
    Arc::new(KeyValueFeed::new(bucket))
}

/// There is no such product.
pub(crate) fn missing() -> Error {
    Error::not_found("there is no product with this id").code("PRODUCT_NOT_FOUND")
}
