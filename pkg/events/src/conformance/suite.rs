/// Makes one test of every behaviour for a [`Harness`](crate::conformance::Harness).
#[macro_export]
macro_rules! conformance_tests {
    ($harness:ty) => {
        $crate::conformance_tests! { @each $harness;
            publishing::sequences_grow,
            publishing::a_repeated_id_is_a_duplicate_and_delivered_once,
            publishing::the_same_id_of_another_source_is_another_event,
            publishing::a_batch_reports_on_each_event_in_order,
            publishing::an_event_that_is_too_large_is_refused,
            publishing::the_size_of_an_event_includes_its_envelope,
            publishing::a_type_that_cannot_be_a_subject_is_refused,
            delivery::an_event_arrives_unchanged,
            delivery::only_the_wanted_types_arrive,
            delivery::every_name_gets_every_event,
            delivery::one_name_shares_the_events,
            delivery::oldest_sees_history_and_next_does_not,
            delivery::a_start_sequence_is_where_it_begins,
            delivery::many_events_are_each_handled_once,
            delivery::lag_tells_what_waits,
            failures::a_retry_comes_again_after_its_delay,
            failures::attempts_end_in_a_dead_letter,
            failures::a_panic_is_a_failed_attempt_and_stops_nothing_else,
            failures::a_handler_that_exceeds_its_time_is_cancelled_and_retried,
            failures::a_long_handler_is_kept_alive,
            failures::retries_use_the_back_off_and_not_up_at_once,
            ordering::order_per_key_holds_through_retries,
            ordering::strict_order_holds_through_retries,
            ordering::a_failing_event_holds_up_no_other_without_order,
            waiting::thousands_of_events_that_wait_for_a_retry_hold_up_no_other,
            waiting::postponed_events_hold_up_no_other,
            waiting::events_behind_a_failing_one_hold_up_no_other_key,
            waiting::too_many_events_that_wait_show_in_health,
            lifecycle::drain_waits_for_running_handlers,
            lifecycle::drain_cancels_what_exceeds_its_limit_and_the_event_comes_again,
            lifecycle::a_name_goes_on_where_it_was,
            lifecycle::health_follows_the_subscription,
            lifecycle::dropping_the_last_handle_ends_it,
            lifecycle::invalid_options_are_refused,
            dead_letters::a_dead_letter_tells_what_and_why,
            dead_letters::a_long_reason_is_cut,
            dead_letters::a_replay_reaches_its_subscription_only,
            dead_letters::a_discarded_dead_letter_is_gone,
            dead_letters::dead_letters_are_listed_in_pages,
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
