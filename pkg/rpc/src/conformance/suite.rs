/// Makes one test of every behaviour for a [`Harness`](crate::conformance::Harness).
#[macro_export]
macro_rules! conformance_tests {
    ($harness:ty) => {
        $crate::conformance_tests! { @each $harness;
            calls::a_question_gets_its_answer,
            calls::types_are_those_of_the_method,
            calls::no_responders_is_reported_at_once_and_is_no_timeout,
            calls::a_call_without_an_answer_ends_at_its_deadline_and_is_ambiguous,
            calls::an_answer_of_another_type_is_an_error_of_the_caller,
            calls::a_message_without_a_reply_is_handled,
            calls::what_cannot_be_sent_is_refused,
            calls::only_idempotent_calls_are_repeated,
            calls::many_calls_at_once_get_their_own_answers,
            calls::invalid_services_are_refused,
            errors::every_kind_arrives_as_it_was,
            errors::private_text_stays_in_the_service,
            errors::a_text_with_line_breaks_is_a_text,
            errors::a_panic_is_an_internal_error_and_stops_nothing_else,
            errors::a_body_that_does_not_decode_is_an_invalid_argument,
            groups::instances_share_the_calls,
            groups::every_group_gets_a_message,
            groups::without_a_group_every_instance_answers,
            groups::a_gather_ends_by_count_pause_or_deadline,
            groups::two_versions_are_served_side_by_side,
            limits::no_more_than_the_limit_run_at_once,
            limits::calls_beyond_the_queue_are_refused_at_once,
            deadlines::a_deadline_shrinks_from_hop_to_hop,
            deadlines::a_call_that_comes_too_late_is_not_run,
            deadlines::a_handler_is_dropped_at_the_deadline,
            sizes::a_request_that_is_too_large_is_refused,
            sizes::a_reply_that_is_too_large_is_an_error,
            propagation::request_id_and_trace_arrive,
            propagation::the_identity_travels_only_when_asked,
            draining::a_drain_answers_what_runs,
            draining::a_drain_cuts_what_exceeds_its_limit_and_answers_for_it,
            draining::a_drain_under_load_loses_nothing,
            draining::dropping_the_last_handle_ends_the_instance,
            discovery::instances_are_found_by_name_and_id,
            discovery::statistics_count_what_happened,
            discovery::health_shows_overload,
        }
    };
    (@each $harness:ty; $($module:ident :: $behaviour:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $behaviour() {
            let harness = <$harness as $crate::conformance::Harness>::start().await;
            $crate::conformance::$module::$behaviour(&harness).await;
        }
    )+};
}
