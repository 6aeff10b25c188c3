//! The spool alone: what is written in any pieces is read as the same lines, whatever is killed in between.

use agent_driver::{SpoolMode, SpoolSpec};
use agent_log::spool::{MAX_LINE_BYTES, Reader, Record, Stream, Writer};
use proptest::collection::vec;
use proptest::prelude::*;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

fn spec(dir: &Path, mode: SpoolMode) -> SpoolSpec {
    SpoolSpec { dir: dir.join("spool"), mode }
}

fn blocking(dir: &Path, max_bytes: u64) -> SpoolSpec {
    spec(dir, SpoolMode::Blocking { max_bytes })
}

fn read_all(reader: &mut Reader) -> Vec<Record> {
    std::iter::from_fn(|| reader.next_record().unwrap()).collect()
}

fn lines_of(records: &[Record], of: Stream) -> Vec<Vec<u8>> {
    let line = |record: &Record| match record {
        Record::Line { stream, bytes, .. } if *stream == of => Some(bytes.clone()),
        _ => None,
    };
    records.iter().filter_map(line).collect()
}

/// What a container's output means: its lines, and what follows the last newline if anything does.
fn expected_lines(output: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<_> = output.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

fn output_bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![3 => Just(b'\n'), 20 => any::<u8>()], 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Each line of a non-blocking spool is read, in order, or counted where it was dropped; and never more is unshipped
    /// than it may hold.
    #[test]
    fn what_a_full_spool_does_not_take_is_counted(
        steps in vec((1u64..80, any::<bool>()), 1..24), max_bytes in 1024u64..4096,
    ) {
        let tmp = tempfile::tempdir().unwrap();
        let spec = spec(tmp.path(), SpoolMode::NonBlocking { max_bytes });
        let mut writer = Writer::create(&spec).unwrap();
        let mut reader = Reader::open(&spec.dir).unwrap();
        let (mut written, mut records) = (0, Vec::new());
        for (lines, read) in steps {
            let chunk: String = (written..written + lines).map(|n| format!("line {n}\n")).collect();
            writer.write(Stream::Stdout, 1, chunk.as_bytes()).unwrap();
            written += lines;
            if read {
                let unshipped = read_all(&mut reader);
                let bytes: usize = lines_of(&unshipped, Stream::Stdout).iter().map(|line| line.len() + 13).sum();
                prop_assert!(bytes as u64 <= max_bytes);
                records.extend(unshipped);
                reader.acknowledge(reader.position()).unwrap();
            }
        }
        writer.finish(2).unwrap();
        records.extend(read_all(&mut reader));
        let mut next = 0;
        for record in &records {
            match record {
                Record::Line { bytes, .. } => {
                    prop_assert_eq!(bytes, &format!("line {next}").into_bytes());
                    next += 1;
                }
                Record::Dropped { lines, .. } => next += lines,
                Record::End { .. } => {}
            }
        }
        prop_assert_eq!(next, written);
    }

    #[test]
    fn any_output_in_any_chunks_is_read_as_its_lines(
        chunks in vec((any::<bool>(), output_bytes(), any::<bool>(), any::<bool>()), 0..24),
    ) {
        let tmp = tempfile::tempdir().unwrap();
        let spec = blocking(tmp.path(), 2048);
        let mut writer = Writer::create(&spec).unwrap();
        let mut reader = Reader::open(&spec.dir).unwrap();
        let mut written = [Vec::new(), Vec::new()];
        let mut records = Vec::new();
        for (n, (err, bytes, read, restart)) in chunks.iter().enumerate() {
            let stream = if *err { Stream::Stderr } else { Stream::Stdout };
            writer.write(stream, n as i64, bytes).unwrap();
            written[usize::from(*err)].extend(bytes);
            if *read {
                records.extend(read_all(&mut reader));
                reader.acknowledge(reader.position()).unwrap();
                prop_assert!(!writer.is_full(), "all of it was acknowledged");
            }
            if *read && *restart {
                reader = Reader::open(&spec.dir).unwrap();
            }
        }
        writer.finish(1000).unwrap();
        records.extend(read_all(&mut reader));

        prop_assert_eq!(lines_of(&records, Stream::Stdout), expected_lines(&written[0]));
        prop_assert_eq!(lines_of(&records, Stream::Stderr), expected_lines(&written[1]));
        prop_assert_eq!(records.last(), Some(&Record::End { at_unix_ms: 1000 }));
        prop_assert_eq!(reader.next_record().unwrap(), None, "nothing follows the end");
    }

    #[test]
    fn a_reader_survives_any_tail(
        lines in vec("[a-z]{0,30}", 1..40), cut in any::<prop::sample::Index>(), junk in vec(any::<u8>(), 0..40),
    ) {
        let tmp = tempfile::tempdir().unwrap();
        let spec = blocking(tmp.path(), 1 << 20);
        let mut writer = Writer::create(&spec).unwrap();
        for line in &lines {
            writer.write(Stream::Stdout, 1, format!("{line}\n").as_bytes()).unwrap();
        }
        let segment = spec.dir.join("00000001.seg");
        let mut bytes = fs::read(&segment).unwrap();
        bytes.truncate(cut.index(bytes.len() + 1));
        bytes.extend(&junk);
        fs::write(&segment, &bytes).unwrap();

        // Junk may look like records, but never costs more than is there, and what was whole before it is read.
        let whole = bytes.len() - junk.len();
        let mut reader = Reader::open(&spec.dir).unwrap();
        let read = std::iter::from_fn(|| reader.next_record().ok().flatten()).collect::<Vec<_>>();
        let read = lines_of(&read, Stream::Stdout);
        let mut at = 8;
        let intact = lines.iter().take_while(|l| { at += 13 + l.len(); at <= whole }).count();
        prop_assert!(read.len() >= intact);
        prop_assert!(read.iter().zip(&lines).take(intact).all(|(r, l)| r == l.as_bytes()));
    }
}

#[test]
fn a_line_has_the_time_at_which_its_end_was_read() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = blocking(tmp.path(), 1 << 20);
    let mut writer = Writer::create(&spec).unwrap();
    writer.write(Stream::Stdout, 10, b"one\ntw").unwrap();
    writer.write(Stream::Stderr, 20, b"err\n").unwrap();
    writer.write(Stream::Stdout, 30, b"o\nno newline").unwrap();
    writer.finish(40).unwrap();
    let line = |stream, at_unix_ms, text: &str| Record::Line { stream, at_unix_ms, bytes: text.into() };
    assert_eq!(
        read_all(&mut Reader::open(&spec.dir).unwrap()),
        [
            line(Stream::Stdout, 10, "one"),
            line(Stream::Stderr, 20, "err"),
            line(Stream::Stdout, 30, "two"),
            line(Stream::Stdout, 40, "no newline"),
            Record::End { at_unix_ms: 40 },
        ]
    );
}

#[test]
fn a_long_line_is_cut_between_characters() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = blocking(tmp.path(), 64 << 20);
    let mut writer = Writer::create(&spec).unwrap();
    let long = format!("x{}", "é".repeat(MAX_LINE_BYTES));
    for chunk in long.as_bytes().chunks(65_536) {
        writer.write(Stream::Stdout, 1, chunk).unwrap();
    }
    writer.write(Stream::Stdout, 1, b"\n").unwrap();
    let exact = vec![b'y'; MAX_LINE_BYTES];
    writer.write(Stream::Stdout, 1, &[exact.as_slice(), b"\n"].concat()).unwrap();

    let lines = lines_of(&read_all(&mut Reader::open(&spec.dir).unwrap()), Stream::Stdout);
    let lines: Vec<_> = lines.into_iter().map(|l| String::from_utf8(l).unwrap()).collect();
    assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [262_117, 262_118, 2, 262_118]);
    assert_eq!(lines[..3].concat(), long);
}

#[test]
fn a_blocking_spool_is_full_until_segments_are_acknowledged() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = blocking(tmp.path(), 4096);
    let mut writer = Writer::create(&spec).unwrap();
    let mut lines = 0;
    while !writer.is_full() {
        writer.write(Stream::Stdout, 1, b"some line or other\n").unwrap();
        lines += 1;
    }
    assert!((100..200).contains(&lines), "{lines} lines fit");
    let mut reader = Reader::open(&spec.dir).unwrap();
    assert_eq!(read_all(&mut reader).len(), lines);
    assert!(writer.is_full(), "reading is not acknowledging");
    reader.acknowledge(reader.position()).unwrap();
    assert!(!writer.is_full());
}

#[test]
fn a_full_non_blocking_spool_drops_what_is_new_and_says_where_and_how_much() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path(), SpoolMode::NonBlocking { max_bytes: 4096 });
    let mut writer = Writer::create(&spec).unwrap();
    let mut write = |n: i64| writer.write(Stream::Stdout, n, format!("line {n:04}\n").as_bytes()).unwrap();
    (0..1000).for_each(&mut write);
    let on_disk: u64 = fs::read_dir(&spec.dir).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
    assert!((4096 - 22..4096 + 8 * 5).contains(&on_disk), "{on_disk}");

    // Records of 22 bytes.
    let fit = 4096 / 22;
    let mut reader = Reader::open(&spec.dir).unwrap();
    for _ in 0..fit {
        assert!(matches!(reader.next_record().unwrap(), Some(Record::Line { .. })));
    }
    assert_eq!(reader.next_record().unwrap(), None);
    reader.acknowledge(reader.position()).unwrap();
    (1000..1002).for_each(&mut write);
    let rest = read_all(&mut reader);
    assert_eq!(rest[0], Record::Dropped { at_unix_ms: 1000, lines: 1000 - fit });
    assert_eq!(lines_of(&rest, Stream::Stdout), [b"line 1000", b"line 1001"]);
}

#[test]
fn lines_that_were_dropped_last_are_counted_at_the_end() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path(), SpoolMode::NonBlocking { max_bytes: 1024 });
    let mut writer = Writer::create(&spec).unwrap();
    writer.write(Stream::Stdout, 1, &[&[b'x'; 5000], &b"\nlost\nlost\n"[..]].concat()).unwrap();
    writer.finish(2).unwrap();
    let records = read_all(&mut Reader::open(&spec.dir).unwrap());
    assert_eq!(lines_of(&records, Stream::Stdout), [[b'x'; 5000]], "an empty spool takes any line");
    assert_eq!(records[1..], [Record::Dropped { at_unix_ms: 2, lines: 2 }, Record::End { at_unix_ms: 2 }]);
}

#[test]
fn a_reader_whose_segment_is_gone_goes_on_with_the_oldest_that_is_left() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = blocking(tmp.path(), 4096);
    let mut writer = Writer::create(&spec).unwrap();
    for n in 0..150 {
        writer.write(Stream::Stdout, n, format!("line {n:04}\n").as_bytes()).unwrap();
    }
    let mut reader = Reader::open(&spec.dir).unwrap();
    assert!(reader.next_record().unwrap().is_some());
    for number in 1..=2 {
        fs::remove_file(spec.dir.join(format!("{number:08}.seg"))).unwrap();
    }
    let lines = lines_of(&read_all(&mut reader), Stream::Stdout);
    assert_eq!(lines[0], b"line 0001", "the open segment is still read to its end");
    assert_eq!(lines.last().unwrap(), b"line 0149");
    assert!(lines.len() < 149);
}

#[test]
fn a_torn_record_is_waited_for_and_skipped_once_sealed() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = blocking(tmp.path(), 1 << 20);
    let mut writer = Writer::create(&spec).unwrap();
    writer.write(Stream::Stdout, 1, b"whole\n").unwrap();
    drop(writer);
    let mut segment = OpenOptions::new().append(true).open(spec.dir.join("00000001.seg")).unwrap();
    segment.write_all(&[1, 0, 0]).unwrap();

    let mut reader = Reader::open(&spec.dir).unwrap();
    assert_eq!(read_all(&mut reader).len(), 1);
    assert!(!reader.has_writer().unwrap());
    let mut writer = Writer::create(&spec).unwrap();
    assert!(reader.has_writer().unwrap());
    writer.write(Stream::Stdout, 1, b"next\n").unwrap();
    assert_eq!(lines_of(&read_all(&mut reader), Stream::Stdout), [b"next"]);
}

#[test]
fn segments_that_a_killed_writer_only_began_are_empty() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = blocking(tmp.path(), 1024);
    fs::create_dir(&spec.dir).unwrap();
    for (number, bytes) in [(1, &b""[..]), (2, b"wha")] {
        fs::write(spec.dir.join(format!("{number:08}.seg")), bytes).unwrap();
    }
    let mut writer = Writer::create(&spec).unwrap();
    writer.write(Stream::Stdout, 1, b"line\n").unwrap();
    assert!(!writer.is_full());
    fs::write(spec.dir.join("cursor"), "2 99\n").unwrap();
    writer.write(Stream::Stdout, 1, &[b'x'; 1000]).unwrap();
    writer.write(Stream::Stdout, 1, b"\n").unwrap();
    assert!(writer.is_full());
    fs::remove_file(spec.dir.join("cursor")).unwrap();
    assert_eq!(read_all(&mut Reader::open(&spec.dir).unwrap()).len(), 2);
}

const FULL: &str = "WHARF_TEST_FULL";

/// Not a test of its own: what the next one does where nothing can be written.
#[test]
fn beginning_on_a_full_disk() {
    let Ok(dir) = std::env::var(FULL) else { return };
    for _ in 0..3 {
        Writer::create(&blocking(Path::new(&dir), 1 << 20)).unwrap_err();
    }
}

#[test]
fn a_full_disk_is_not_filled_with_segments_that_have_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let done = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "spool::beginning_on_a_full_disk"])
        .env(FULL, tmp.path())
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let spec = blocking(tmp.path(), 1 << 20);
    let names =
        fs::read_dir(&spec.dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let segments: Vec<_> = names.filter(|name| name.ends_with(".seg")).collect();
    assert_eq!(segments, Vec::<String>::new());
    Writer::create(&spec).unwrap().write(Stream::Stdout, 1, b"kept\n").unwrap();
    let mut reader = Reader::open(&spec.dir).unwrap();
    assert_eq!(lines_of(&read_all(&mut reader), Stream::Stdout), [b"kept"]);
}

#[test]
fn a_writer_is_not_refused_for_one_who_looks_whether_there_is_one() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = blocking(tmp.path(), 1 << 20);
    drop(Writer::create(&spec).unwrap());
    let reader = Reader::open(&spec.dir).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                reader.has_writer().unwrap();
            }
        });
        let refused: Vec<_> = (0..500).filter_map(|_| Writer::create(&spec).err()).collect();
        is_over.store(true, Relaxed);
        assert!(refused.is_empty(), "{refused:?}");
    });
}

#[test]
fn two_writers_are_refused_and_a_spool_of_another_format_too() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = blocking(tmp.path(), 1 << 20);
    let writer = Writer::create(&spec).unwrap();
    assert_eq!(Writer::create(&spec).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(writer);
    fs::write(spec.dir.join("00000001.seg"), b"wharfsp9and more").unwrap();
    let error = Reader::open(&spec.dir).unwrap().next_record().unwrap_err();
    assert_eq!(error.to_string(), "the spool's format is not known");
}
