/// Consuming setters: one for each field, from the type given to the value stored.
macro_rules! setters {
    ($($(#[$doc:meta])* $field:ident: $given:ty => $stored:expr;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $field(mut self, $field: $given) -> Self {
            self.$field = $stored;
            self
        }
    )*};
}

pub(crate) use setters;
