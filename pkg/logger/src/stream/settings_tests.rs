use underpin_config::{ByteSize, Checks};

use crate::{LogOutput, LogSink, LoggerSettings, SamplingSettings};

#[test]
fn the_defaults_are_valid_and_unknown_keys_are_refused() {
    assert!(Checks::of(&LoggerSettings::default()).failures().is_empty());
    assert!(serde_json::from_str::<LoggerSettings>(r#"{"levle": "info"}"#).is_err());
    let file: LoggerSettings =
        serde_json::from_str(r#"{"output": {"file": "/var/log/orders.log"}}"#).unwrap();
    assert_eq!(file.output, LogOutput::File("/var/log/orders.log".into()));
    let sampled: LoggerSettings =
        serde_json::from_str(r#"{"sampling": {"first": 5}, "flight_recorder": "16KiB"}"#).unwrap();
    assert_eq!(sampled.sampling, SamplingSettings::default().first(5));
    assert!(sampled.sampling.sampling().is_some());
    let thinned = LoggerSettings::default().sampling(SamplingSettings::default().first(0).then_every(10));
    assert!(Checks::of(&thinned).failures().is_empty());
    assert!(LoggerSettings::default().sampling.sampling().is_none());
    assert_eq!(sampled.flight_recorder, Some(ByteSize::kib(16)));
}

#[test]
fn wrong_values_are_named_by_key() {
    let settings = LoggerSettings::default().level("loud").buffer(ByteSize::kib(16));
    let checks = Checks::of(&settings);
    let keys: Vec<_> = checks.failures().iter().map(underpin_config::FailedCheck::key).collect();
    assert_eq!(keys, ["level", "buffer"]);
}

#[test]
fn a_value_that_no_use_of_it_can_bear_is_refused() {
    let huge = ByteSize::new(u64::MAX);
    let direct = LoggerSettings::default().sink(LogSink::Direct);
    for (settings, key) in [
        (LoggerSettings::default().buffer(huge), "buffer"),
        (direct.clone().max_record(huge), "max_record"),
        (direct.clone().max_record(ByteSize::new(0)), "max_record"),
        (direct.clone().flight_recorder(huge), "flight_recorder"),
        (direct.clone().flight_recorder(ByteSize::new(0)), "flight_recorder"),
        (LoggerSettings::default().output(LogOutput::File("".into())), "output"),
        (LoggerSettings::default().service("x".repeat(257)), "service"),
        (LoggerSettings::default().reveal([""]), "redact"),
        (direct.clone().sampling(SamplingSettings::default().first(0).then_every(0)), "sampling.first"),
        (direct.clone().sampling(SamplingSettings::default().at_most(0)), "sampling.at_most"),
    ] {
        let checks = Checks::of(&settings);
        assert_eq!(
            checks.failures().iter().map(underpin_config::FailedCheck::key).collect::<Vec<_>>(),
            [key]
        );
    }
}

#[test]
fn what_does_not_fit_into_the_buffer_is_named_where_there_is_one() {
    let settings = LoggerSettings {
        buffer: ByteSize::kib(64),
        max_record: ByteSize::kib(65),
        flight_recorder: Some(ByteSize::kib(65)),
        ..LoggerSettings::default()
    };
    let checks = Checks::of(&settings);
    let keys: Vec<_> = checks.failures().iter().map(underpin_config::FailedCheck::key).collect();
    assert_eq!(keys, ["max_record", "flight_recorder"]);
    let direct = LoggerSettings { sink: LogSink::Direct, ..settings.clone() };
    assert!(Checks::of(&direct).failures().is_empty());
    let fits = LoggerSettings {
        max_record: settings.buffer,
        flight_recorder: Some(settings.buffer),
        ..settings.clone()
    };
    assert!(Checks::of(&fits).failures().is_empty());
    let exported = LoggerSettings { export: true, format: crate::LogFormat::Terminal, ..direct };
    assert_eq!(Checks::of(&exported).failures().len(), 1);
}
