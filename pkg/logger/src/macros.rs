/// Logs at a given level: what the other macros stand on.
///
/// ```text
/// log!(level, logger, ctx, "message", key = value, ...)
/// log!(level, logger, ctx, &error, "message", key = value, ...)
/// ```
///
/// `logger` is anything that is a [`Logger`](crate::Logger), `ctx` a `&Context`, the message a literal. A value is
/// anything that is [`ToValue`](crate::ToValue), `%value` for its `Display`, `?value` for its `Debug`; a lone name stands
/// for `name = name`; a key that is no identifier is written as a literal, `"http.status" = 200`.
///
/// The arguments after `ctx` are not evaluated when the level is off; no memory is allocated when it is on.
///
/// # Examples
///
/// ```
/// use underpin_logger::{Context, Level, NoopLogger, error, info, log};
///
/// let (log, ctx) = (NoopLogger, Context::background());
/// let (order_id, items) = ("o-1", 3);
/// info!(log, &ctx, "order accepted", order_id, items = items + 1, ?ctx);
/// let err = std::io::Error::other("disk full");
/// error!(log, &ctx, &err, "order lost", order_id = %order_id);
/// log!(Level::Warn, log, &ctx, "stock low", "stock.left" = 2);
/// ```
#[macro_export]
macro_rules! log {
    ($level:expr, $log:expr, $ctx:expr, $msg:literal $(, $($tags:tt)*)?) => {
        $crate::__log!($level, $log, $ctx, [], $msg, [$($($tags)*)?])
    };
    ($level:expr, $log:expr, $ctx:expr, $err:expr, $msg:literal $(, $($tags:tt)*)?) => {
        $crate::__log!($level, $log, $ctx, [.with_error($err)], $msg, [$($($tags)*)?])
    };
}

/// One record, with the call that adds the error if there is one.
#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:expr, $log:expr, $ctx:expr, [$($with_error:tt)*], $msg:literal, [$($tags:tt)*]) => {{
        let __level: $crate::Level = $level;
        let __ctx: &$crate::Context = $ctx;
        let __log = &$log;
        if $crate::Logger::enabled(__log, __level, ::core::module_path!(), __ctx) {
            $crate::Logger::log(
                __log,
                &$crate::Entry::new(
                    __level,
                    __ctx,
                    $msg,
                    $crate::Callsite::new(::core::module_path!(), ::core::file!(), ::core::line!()),
                )
                $($with_error)*
                .with_tags(&$crate::__tags!([] $($tags)*)),
            );
        }
    }};
}

/// Builds the array of tags: brings each into the form `(key) = value`, then makes it a tag with its key rendered at
/// compile time.
#[doc(hidden)]
#[macro_export]
macro_rules! __tags {
    ([$($done:expr,)*]) => { [$($done,)*] as [$crate::Tag<'_>; _] };
    ([$($done:expr,)*] ($key:expr) = %$value:expr $(, $($rest:tt)*)?) => {
        $crate::__tags!([$($done,)* $crate::__tag!($key, $crate::Value::Display(&$value)),] $($($rest)*)?)
    };
    ([$($done:expr,)*] ($key:expr) = ?$value:expr $(, $($rest:tt)*)?) => {
        $crate::__tags!([$($done,)* $crate::__tag!($key, $crate::Value::Debug(&$value)),] $($($rest)*)?)
    };
    ([$($done:expr,)*] ($key:expr) = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__tags!([$($done,)* $crate::__tag!($key, $crate::ToValue::to_value(&$value)),] $($($rest)*)?)
    };
    ([$($done:expr,)*] $key:literal = $($rest:tt)*) => { $crate::__tags!([$($done,)*] ($key) = $($rest)*) };
    ([$($done:expr,)*] $key:ident = $($rest:tt)*) => {
        $crate::__tags!([$($done,)*] (::core::stringify!($key)) = $($rest)*)
    };
    ([$($done:expr,)*] % $key:ident $($rest:tt)*) => {
        $crate::__tags!([$($done,)*] (::core::stringify!($key)) = %$key $($rest)*)
    };
    ([$($done:expr,)*] ? $key:ident $($rest:tt)*) => {
        $crate::__tags!([$($done,)*] (::core::stringify!($key)) = ?$key $($rest)*)
    };
    ([$($done:expr,)*] $key:ident $($rest:tt)*) => {
        $crate::__tags!([$($done,)*] (::core::stringify!($key)) = $key $($rest)*)
    };
}

/// A tag with its key rendered at compile time.
#[doc(hidden)]
#[macro_export]
macro_rules! __tag {
    ($key:expr, $value:expr) => {
        $crate::Tag::rendered($key, const { &$crate::Key::of($key) }, $value)
    };
}

macro_rules! verbs {
    ($d:tt $($(#[$doc:meta])* $verb:ident $level:ident;)+) => {$(
        $(#[$doc])*
        ///
        /// Arguments as in [`log!`](crate::log), without the level.
        #[macro_export]
        macro_rules! $verb {
            ($d($d args:tt)*) => { $d crate::log!($d crate::Level::$level, $d($d args)*) };
        }
    )+};
}

verbs! { $
    /// Logs every step, for the internals of a library.
    trace Trace;
    /// Logs details for debugging.
    debug Debug;
    /// Logs what happened, once per unit of work.
    info Info;
    /// Logs a fault that the service handles.
    warn Warn;
    /// Logs that a unit of work failed.
    error Error;
}
