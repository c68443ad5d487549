use super::*;

#[test]
fn the_text_of_a_4xx_is_public_and_the_text_of_a_5xx_is_not() {
    for kind in Kind::ALL {
        let error = Error::new(kind, "own text");
        assert_eq!(error.public_message() == "own text", kind.http_status() < 500, "{kind}");
        assert_eq!(error.report().to_string(), "own text");
    }
}

#[test]
fn constructors_carry_their_http_status() {
    let statuses = [
        (Error::bad_request("m"), 400),
        (Error::unauthorized("m"), 401),
        (Error::forbidden("m"), 403),
        (Error::not_found("m"), 404),
        (Error::conflict("m"), 409),
        (Error::too_many_requests("m"), 429),
        (Error::internal("m"), 500),
        (Error::not_implemented("m"), 501),
        (Error::unavailable("m"), 503),
        (Error::timeout("m"), 504),
    ];
    for (error, status) in statuses {
        assert_eq!(error.http_status(), status);
        assert_eq!(error.error_code(), error.kind().code());
    }
}

#[test]
fn an_exact_status_decides_what_is_public() {
    let slow = Error::http(408, "the body came too slowly");
    assert_eq!((slow.kind(), slow.http_status()), (Kind::DeadlineExceeded, 408));
    assert_eq!(slow.public_message(), "the body came too slowly");
    let gateway = Error::http(502, "billing at 10.0.0.7 answered with garbage");
    assert_eq!((gateway.kind(), gateway.http_status()), (Kind::Unavailable, 502));
    assert_eq!(gateway.public_message(), Kind::Unavailable.public_sentence());
    assert_eq!(Error::http(200, "fine").http_status(), 500);
    assert_eq!(Error::http(200, "fine").public_message(), Kind::Unknown.public_sentence());
}

#[test]
fn wrap_keeps_context_and_source_from_the_caller_for_a_4xx_too() {
    let error = Error::wrap(Kind::NotFound, std::io::Error::other("table orders"), "load order 42");
    assert_eq!(error.public_message(), Kind::NotFound.public_sentence());
    assert_eq!(error.report().to_string(), "load order 42: table orders");
}

#[test]
fn contexts_print_newest_first_and_display_leaves_the_source_out() {
    let error = Error::unavailable("no connection")
        .caused_by(std::io::Error::other("refused"))
        .context("load")
        .context("place order");
    assert_eq!(error.to_string(), "place order: load: no connection");
    assert_eq!(error.report().to_string(), "place order: load: no connection: refused");
    let wrapped =
        Error::wrap(Kind::Internal, std::io::Error::other("refused"), "load").context("place order");
    assert_eq!(wrapped.to_string(), "place order: load");
}

#[test]
fn a_wrapped_error_is_found_by_type_through_every_layer() {
    let inner = Error::wrap(Kind::Unavailable, std::io::Error::other("refused"), "connect");
    let outer = Error::wrap(Kind::Internal, inner, "place order");
    assert_eq!(outer.downcast_ref::<std::io::Error>().map(ToString::to_string).as_deref(), Some("refused"));
    assert_eq!(outer.downcast_ref::<Error>().map(Error::kind), Some(Kind::Unavailable));
    assert!(outer.downcast_ref::<fmt::Error>().is_none());
}

#[test]
fn debug_is_what_main_should_print() {
    let error = Error::wrap(Kind::Unavailable, std::io::Error::other("refused"), "connect").code("DB_DOWN");
    assert!(format!("{error:?}").starts_with("DB_DOWN: connect: refused"));
    assert!(format!("{error:#?}").contains("http_status: 503"));
}

#[test]
fn result_of_unit_is_one_pointer() {
    assert_eq!(size_of::<Result<(), Error>>(), 8);
}
