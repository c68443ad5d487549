/// Makes one test of every behaviour for a [`KeyValueHarness`](crate::conformance::KeyValueHarness).
#[macro_export]
macro_rules! key_value_tests {
    ($harness:ty) => {
        $crate::key_value_tests! { @each $harness;
            basics::an_absent_key_has_no_value,
            basics::what_was_put_is_read,
            basics::an_empty_value_is_a_value,
            basics::revisions_grow,
            basics::a_removed_key_has_no_value,
            basics::history_is_in_order_and_bounded,
            basics::keys_are_listed_by_pattern,
            basics::many_keys_are_listed_completely_while_others_are_written,
            basics::a_value_that_is_too_large_is_refused,
            basics::many_keys_are_read_at_once,
            basics::status_tells_what_is_there,
            conditional::one_of_many_creators_wins,
            conditional::create_works_over_a_removal,
            conditional::an_update_of_an_old_revision_is_a_conflict,
            conditional::a_removal_expects_a_revision,
            conditional::no_increment_is_lost,
            expiry::a_value_is_gone_after_its_time_and_not_before,
            expiry::a_write_sets_the_time_again,
            expiry::create_works_over_an_expired_value,
            expiry::create_over_a_removal_keeps_its_time,
            expiry::a_time_that_cannot_be_kept_is_refused,
            expiry::a_bucket_expires_its_entries,
            expiry::an_expiry_is_watched,
            watching::the_state_is_told_and_then_its_end,
            watching::an_empty_state_has_an_end,
            watching::changes_come_in_order_and_once,
            watching::removals_and_values_are_told_as_asked,
            watching::a_watch_begins_where_asked,
            watching::only_the_wanted_keys_are_watched,
            watching::a_slow_reader_gets_the_last_value_of_each_key,
            watching::a_dropped_call_loses_no_event,
            leases::one_holder_at_a_time,
            leases::a_lease_is_renewed_until_released,
            leases::a_lost_lease_is_reported,
            leases::a_waiter_gets_a_released_lock,
            leases::a_lease_out_of_range_is_refused,
            sessions::a_session_is_kept_under_a_hash,
            sessions::a_rotated_session_has_one_id,
            sessions::one_of_many_saves_wins,
            sessions::an_idle_session_ends,
            limits::many_takers_get_the_limit_and_no_more,
            limits::a_quota_out_of_range_is_refused,
        }
    };
    (@each $harness:ty; $($module:ident :: $behaviour:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $behaviour() {
            let harness = <$harness as $crate::conformance::KeyValueHarness>::start().await;
            $crate::conformance::$module::$behaviour(&harness).await;
        }
    )+};
}
