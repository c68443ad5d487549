/// Consuming setters for a settings struct: for each field the type that a caller passes and the value to store.
///
/// Use it inside an `impl` block. Attributes, doc comments included, go to the setter.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// #[derive(Default)]
/// struct CacheSettings { name: Option<String>, ttl: Duration }
///
/// impl CacheSettings {
///     underpin_config::setters! {
///         /// Sets the name.
///         name: impl Into<String> => Some(name.into());
///         /// Sets how long an entry lives.
///         ttl: Duration => ttl;
///     }
/// }
///
/// let settings = CacheSettings::default().name("prices").ttl(Duration::from_secs(60));
/// assert_eq!(settings.name.as_deref(), Some("prices"));
/// assert_eq!(settings.ttl, Duration::from_secs(60));
/// ```
#[macro_export]
macro_rules! setters {
    ($($(#[$attribute:meta])* $field:ident: $given:ty => $stored:expr;)*) => {$(
        $(#[$attribute])*
        #[must_use]
        pub fn $field(mut self, $field: $given) -> Self {
            self.$field = $stored;
            self
        }
    )*};
}
