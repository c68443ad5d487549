/// Makes one test of every behaviour for an [`ObjectsHarness`](crate::conformance::ObjectsHarness).
#[macro_export]
macro_rules! objects_tests {
    ($harness:ty) => {
        $crate::objects_tests! { @each $harness;
            basics::an_absent_object_is_none,
            basics::objects_of_every_size_come_back,
            basics::pieces_of_any_size_are_stored,
            basics::attributes_come_back,
            basics::names_are_any_text,
            basics::ranges_are_read,
            basics::a_deleted_object_is_gone,
            basics::a_reader_has_a_limit,
            basics::presigned_urls_are_as_declared,
            conditional::one_of_many_creators_of_an_object_wins,
            conditional::an_object_is_created_over_a_deleted_one,
            conditional::a_replacement_expects_a_version,
            conditional::a_deletion_expects_a_version,
            conditional::a_read_expects_a_version,
            failing::a_failing_stream_stores_nothing,
            failing::a_dropped_upload_stores_nothing,
            failing::data_that_pauses_is_given_up,
            failing::an_upload_that_trickles_is_not_swept,
            failing::other_data_than_announced_is_refused,
            failing::a_full_bucket_refuses_objects,
            concurrent::a_reader_gets_one_version_or_an_error,
            concurrent::a_replacement_in_the_middle_is_reported,
            listing::objects_are_listed_by_prefix_and_in_pages,
            listing::nothing_is_listed_as_nothing,
            listing::a_list_is_complete_while_others_write,
            expiring::an_object_expires_and_not_before,
            expiring::a_replacement_sets_the_time_again,
            expiring::a_bucket_expires_its_objects,
            expiring::a_time_that_cannot_be_given_is_refused,
            watched::objects_are_watched,
            watched::an_expiry_is_watched,
        }
    };
    (@each $harness:ty; $($module:ident :: $behaviour:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $behaviour() {
            let harness = <$harness as $crate::conformance::ObjectsHarness>::start().await;
            $crate::conformance::$module::$behaviour(&harness).await;
        }
    )+};
}
