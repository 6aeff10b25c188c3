//! The file against what dockerd 20.10.24 wrote for the same output of a container.

use agent_driver::JsonFileSpec;
use agent_log::json_file::JsonFileWriter;
use agent_log::spool::Stream;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn spec(dir: &Path) -> JsonFileSpec {
    JsonFileSpec { path: dir.join("c-json.log"), max_bytes: None, max_files: 1, attributes: BTreeMap::new() }
}

fn written(spec: &JsonFileSpec, output: &[(Stream, &[u8])]) -> String {
    let mut writer = JsonFileWriter::open(spec).unwrap();
    for (stream, bytes) in output {
        writer.write(*stream, bytes).unwrap();
    }
    writer.finish().unwrap();
    fs::read_to_string(&spec.path).unwrap()
}

/// The lines up to their times, which must be times.
fn without_times(text: &str) -> Vec<&str> {
    let line = |line| {
        let (before, time) = str::rsplit_once(line, r#","time":""#).unwrap();
        let time = time.strip_suffix("\"}").unwrap();
        assert!(time.ends_with('Z') && !time.ends_with("0Z") || !time.contains('.'), "{time}");
        time.parse::<jiff::Timestamp>().unwrap();
        before
    };
    text.lines().map(line).collect()
}

#[test]
fn escapes_are_those_of_dockerd() {
    let tmp = tempfile::tempdir().unwrap();
    let output =
        b"tab\there \"q\" \\ <a>&\r\n\x01\x1b[0m\x7f\n\xc3\xa9\xe2\x80\xa8\xe2\x80\xa9\xf0\x9f\x98\x80\n\
                   \xff\xfex\xc3\n\n\xe2\x82\nnoeol";
    assert_eq!(
        without_times(&written(&spec(tmp.path()), &[(Stream::Stdout, output)])),
        [
            r#"{"log":"tab\u0009here \"q\" \\ \u003ca\u003e\u0026\r\n","stream":"stdout""#,
            "{\"log\":\"\\u0001\\u001b[0m\x7f\\n\",\"stream\":\"stdout\"",
            r#"{"log":"é\u2028\u2029😀\n","stream":"stdout""#,
            r#"{"log":"\ufffd\ufffdx\ufffd\n","stream":"stdout""#,
            r#"{"log":"\n","stream":"stdout""#,
            r#"{"log":"\ufffd\ufffd\n","stream":"stdout""#,
            r#"{"log":"noeol","stream":"stdout""#,
        ]
    );
    assert_eq!(fs::metadata(spec(tmp.path()).path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn attributes_stand_before_the_time() {
    let tmp = tempfile::tempdir().unwrap();
    let attributes = [("E", "v"), ("a", "1"), ("zz", "<q>\"")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let spec = JsonFileSpec { attributes: attributes.into(), ..spec(tmp.path()) };
    let text = written(&spec, &[(Stream::Stdout, b"hi\n"), (Stream::Stderr, b"err\n")]);
    let attrs = r#","attrs":{"E":"v","a":"1","zz":"\u003cq\u003e\""}"#;
    assert_eq!(
        without_times(&text),
        [
            format!(r#"{{"log":"hi\n","stream":"stdout"{attrs}"#),
            format!(r#"{{"log":"err\n","stream":"stderr"{attrs}"#)
        ]
    );
}

#[test]
fn long_lines_are_cut_where_dockerd_cuts_them() {
    let tmp = tempfile::tempdir().unwrap();
    let mut output = Vec::new();
    for (letter, count, end) in [
        (b'a', 16384, "\n"),
        (b'b', 16385, "\n"),
        (b'c', 40000, "\n"),
        (b'd', 16383, "\n"),
        (b'e', 32768, ""),
    ] {
        output.extend(vec![letter; count]);
        output.extend(end.as_bytes());
    }
    let text = written(&spec(tmp.path()), &[(Stream::Stdout, &output)]);
    let lens = logs(&text).iter().map(|log| log.len()).collect::<Vec<_>>();
    assert_eq!(lens, [16384, 1, 16384, 2, 16384, 16384, 7233, 16384, 16384, 16384]);
}

fn logs(text: &str) -> Vec<String> {
    let log = |line| serde_json::from_str::<Value>(line).unwrap()["log"].as_str().unwrap().to_owned();
    text.lines().map(log).collect()
}

#[test]
fn a_file_that_has_reached_its_size_is_rotated_before_the_next_line() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = JsonFileSpec { max_bytes: Some(500), max_files: 3, ..spec(tmp.path()) };
    let output: String = (0..40).map(|n| format!("line {n}\n")).collect();
    written(&spec, &[(Stream::Stdout, output.as_bytes())]);
    let mut found = Vec::new();
    for name in ["c-json.log.2", "c-json.log.1", "c-json.log"] {
        let text = fs::read_to_string(tmp.path().join(name)).unwrap();
        assert!(text.len() < 500 + 80, "{name}");
        assert!(text.len() >= 500 || name == "c-json.log", "{name}");
        found.extend(logs(&text));
    }
    assert!(found.len() > 14);
    assert_eq!(found, (40 - found.len()..40).map(|n| format!("line {n}\n")).collect::<Vec<_>>());
    assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 3);
}

#[test]
fn a_single_file_begins_anew() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = JsonFileSpec { max_bytes: Some(200), ..spec(tmp.path()) };
    let text = written(&spec, &[(Stream::Stdout, b"1\n2\n3\n4\n5\n6\n7\n")]);
    assert_eq!(logs(&text), ["7\n"]);
    assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 1);
}

#[test]
fn a_half_written_object_is_cut_off_and_the_file_goes_on() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path());
    let whole = written(&spec, &[(Stream::Stdout, b"one\n")]);
    for torn in ["{", &"x".repeat(4096), &"x".repeat(10_000), ""] {
        fs::write(&spec.path, format!("{whole}{torn}")).unwrap();
        let text = written(&spec, &[(Stream::Stdout, b"two\n")]);
        assert!(text.starts_with(&whole));
        assert_eq!(logs(&text), ["one\n", "two\n"]);
    }
    fs::write(&spec.path, "x".repeat(5000)).unwrap();
    assert_eq!(logs(&written(&spec, &[(Stream::Stdout, b"two\n")])), ["two\n"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// ASCII, because a character of several bytes that a cut tears is replaced, as by dockerd.
    #[test]
    fn any_output_in_any_chunks_is_read_back(
        chunks in vec((any::<bool>(), prop_oneof!["[a\n<\u{1}]{0,40}", "a{16000,17000}"]), 0..12),
    ) {
        let tmp = tempfile::tempdir().unwrap();
        let stream = |err| if err { Stream::Stderr } else { Stream::Stdout };
        let output: Vec<_> = chunks.iter().map(|(err, text)| (stream(*err), text.as_bytes())).collect();
        let text = written(&spec(tmp.path()), &output);
        for (err, name) in [(false, "stdout"), (true, "stderr")] {
            let of_stream = |line: &&str| serde_json::from_str::<Value>(line).unwrap()["stream"] == name;
            let lines = text.lines().filter(of_stream).collect::<Vec<_>>().join("\n");
            let wanted: String = chunks.iter().filter(|c| c.0 == err).map(|c| c.1.as_str()).collect();
            prop_assert_eq!(logs(&lines).concat(), wanted);
        }
    }
}
