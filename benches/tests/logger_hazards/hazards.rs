use crate::hazard::{Hazard, burst, keys, order, outputs, size, values};
use crate::subject::{
    BUFFERED, DIRECT, SLOG_ASYNC, SLOG_ASYNC_BLOCKING, SLOG_JSON, SLOG_JSON_SILENT, Subject,
};

/// Of ours, all hold it; of the others, each violates it in the way that is expected.
#[track_caller]
fn check(hazard: Hazard, ours: &[Subject], others: &[(Subject, &str)]) {
    for subject in ours {
        if let Err(violation) = hazard(subject) {
            panic!("{}: {violation}", subject.name);
        }
    }
    for (subject, expected) in others {
        let violation = hazard(subject).expect_err(subject.name);
        assert!(violation.contains(expected), "{} fails in another way: {violation}", subject.name);
    }
}

const OURS: [Subject; 2] = [DIRECT, BUFFERED];

#[test]
fn hazard_1_a_display_that_panics_reaches_the_caller() {
    let others = [(SLOG_JSON, "in the caller"), (SLOG_ASYNC, "in the caller")];
    check(values::a_display_that_panics_stays_out_of_the_caller, &OURS, &others);
}

#[test]
fn hazard_1_a_display_that_panics_leaves_its_text_to_another_logger() {
    check(values::no_text_of_one_record_is_in_another, &OURS, &[(SLOG_JSON, "half a value")]);
}

#[test]
fn hazard_1_a_display_that_panics_ends_the_logger() {
    let others = [(SLOG_JSON_SILENT, "writes nothing any more"), (SLOG_JSON, "in the caller")];
    check(values::a_logger_outlives_a_display_that_panics, &OURS, &others);
}

#[test]
fn hazard_1_a_serialize_that_fails_tears_the_line() {
    check(values::a_serialize_that_fails_tears_no_line, &OURS, &[(SLOG_JSON_SILENT, "torn")]);
}

#[test]
fn hazard_1_a_serialize_that_panics_tears_the_line() {
    check(values::a_serialize_that_panics_tears_no_line, &OURS, &[(SLOG_JSON_SILENT, "torn")]);
}

#[test]
fn hazard_2_a_record_is_many_system_calls() {
    check(outputs::a_record_is_one_write_at_most, &OURS, &[(SLOG_JSON, "writes for")]);
}

#[test]
fn hazard_3_a_key_is_there_twice() {
    check(keys::no_key_is_there_twice, &OURS, &[(SLOG_JSON, "twice"), (SLOG_ASYNC_BLOCKING, "twice")]);
}

#[test]
fn hazard_3_a_reserved_key_is_forged() {
    let others = [(SLOG_JSON, "reads as"), (SLOG_ASYNC_BLOCKING, "reads as")];
    check(keys::a_reserved_key_cannot_be_forged, &OURS, &others);
}

// Below, the direct sink is left out where the output hangs inside of a write: it promises nothing for writers made by hand.

#[test]
fn hazard_4_time_is_taken_late() {
    check(burst::time_is_taken_when_a_record_is_made, &[BUFFERED], &[(SLOG_ASYNC_BLOCKING, "later")]);
}

#[test]
fn hazard_4_a_writer_that_failed_once_is_never_written_to_again() {
    check(outputs::a_failure_passes, &OURS, &[(SLOG_ASYNC_BLOCKING, "in the caller")]);
}

#[test]
fn hazard_4_a_burst_is_lost() {
    check(burst::a_burst_is_kept, &[BUFFERED], &[(SLOG_ASYNC, "of 5000 records")]);
}

#[test]
fn hazard_4_a_serde_value_panics_the_caller() {
    check(values::a_serde_value_is_survived, &OURS, &[(SLOG_ASYNC, "in the caller")]);
}

#[test]
fn hazard_5_fields_are_reversed() {
    check(order::fields_keep_their_order, &OURS, &[(SLOG_JSON, "\"c\", \"b\", \"a\"")]);
}

#[test]
fn hazard_6_a_broken_pipe_panics_the_caller() {
    check(outputs::a_broken_pipe_stays_out_of_the_caller, &OURS, &[(SLOG_JSON, "in the caller")]);
}

#[test]
fn hazard_6_an_output_that_is_full_for_a_moment_tears_a_line() {
    check(outputs::an_output_that_is_full_tears_no_line, &OURS, &[(SLOG_JSON_SILENT, "torn")]);
}

#[test]
fn hazard_6_a_record_is_longer_than_what_docker_passes_on_whole() {
    check(
        size::a_record_is_within_16_kib,
        &OURS,
        &[(SLOG_JSON, "bytes long"), (SLOG_ASYNC_BLOCKING, "bytes long")],
    );
}
