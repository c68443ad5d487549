/// Consuming setters: one for each field, from the type given to the value stored.
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

pub(crate) use setters;
