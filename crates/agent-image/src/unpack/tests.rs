use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use tar::{EntryType, Header};

/// An archive whose entries say exactly what a test wants: the `tar` crate's own builder is too well-behaved.
#[derive(Default)]
struct RawTar(Vec<u8>);

impl RawTar {
    fn entry(mut self, kind: EntryType, path: &[u8], link: &[u8], content: &[u8]) -> RawTar {
        let mut header = header(kind, path, link);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.push(&header, content);
        self
    }

    fn file(self, path: &str, content: &str) -> RawTar {
        self.entry(EntryType::Regular, path.as_bytes(), b"", content.as_bytes())
    }

    fn directory(self, path: &str) -> RawTar {
        self.entry(EntryType::Directory, path.as_bytes(), b"", b"")
    }

    fn symlink(self, path: &str, target: &str) -> RawTar {
        self.entry(EntryType::Symlink, path.as_bytes(), target.as_bytes(), b"")
    }

    fn hard_link(self, path: &str, target: &str) -> RawTar {
        self.entry(EntryType::Link, path.as_bytes(), target.as_bytes(), b"")
    }

    fn pax(self, records: &[(&str, &[u8])]) -> RawTar {
        let mut content = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let length =
                (1..).map(|digits| rest + digits).find(|n| n.to_string().len() + rest == *n).unwrap();
            content.extend_from_slice(format!("{length} {key}=").as_bytes());
            content.extend_from_slice(value);
            content.push(b'\n');
        }
        self.entry(EntryType::XHeader, b"pax", b"", &content)
    }

    fn push(&mut self, header: &Header, content: &[u8]) {
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    fn header(mut self, header: &Header) -> RawTar {
        self.push(header, b"");
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn header(kind: EntryType, path: &[u8], link: &[u8]) -> Header {
    let mut header = Header::new_ustar();
    let fields = header.as_old_mut();
    fields.name[..path.len()].copy_from_slice(path);
    fields.linkname[..link.len()].copy_from_slice(link);
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_700_000_000);
    header.set_size(0);
    header.set_cksum();
    header
}

/// A target directory with something beside it that no archive may touch.
struct Sandbox {
    dir: tempfile::TempDir,
    parents: Vec<PathBuf>,
    limits: Limits,
}

impl Sandbox {
    fn new() -> Sandbox {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("outside/sub")).unwrap();
        fs::create_dir(dir.path().join("target")).unwrap();
        fs::write(dir.path().join("outside/secret"), "secret").unwrap();
        Sandbox { dir, parents: Vec::new(), limits: Limits { max_bytes: 1 << 20, max_entries: 1000 } }
    }

    fn outside(&self) -> String {
        self.dir.path().join("outside").display().to_string()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join("target").join(path)
    }

    fn unpack(&self, archive: &[u8]) -> Result<u64, UnpackError> {
        unpack(archive, &self.at(""), &self.parents, self.limits)
    }

    fn error(&self, archive: &[u8]) -> String {
        self.unpack(archive).unwrap_err().to_string()
    }

    /// Everything beside the target.
    fn observe_outside(&self) -> BTreeMap<PathBuf, (u32, i64, u64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut todo = vec![self.dir.path().to_owned()];
        while let Some(directory) = todo.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                if path == self.dir.path().join("target") {
                    continue;
                }
                let content = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                if metadata.is_dir() {
                    todo.push(path.clone());
                }
                found.insert(path, (metadata.mode(), metadata.mtime_nsec(), metadata.nlink(), content));
            }
        }
        found
    }
}

fn is_whiteout_node(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_char_device() && m.rdev() == 0)
}

fn is_opaque(path: &Path) -> bool {
    let mut value = [0; 8];
    rustix::fs::getxattr(path, "trusted.overlay.opaque", &mut value[..]).is_ok_and(|n| value[..n] == *b"y")
}

#[test]
fn ordinary_entries_keep_their_looks() {
    let sandbox = Sandbox::new();
    let mut setuid = header(EntryType::Regular, b"bin/su", b"");
    setuid.set_mode(0o4755);
    setuid.set_cksum();
    let mut sticky = header(EntryType::Directory, b"tmp/", b"");
    sticky.set_mode(0o1777);
    sticky.set_cksum();
    let long = format!("long/{}/file", "n".repeat(200));
    let archive = RawTar::default()
        .directory("./")
        .header(&sticky)
        .file("tmp/late", "written after its directory")
        .header(&setuid)
        .symlink("bin/sh", "/bin/su")
        .hard_link("bin/hard", "bin/su")
        .pax(&[("path", long.as_bytes()), ("mtime", b"12.5")])
        .file("short", "long")
        .entry(EntryType::GNULongName, b"@", b"", b"gnu/long/name\0")
        .file("other", "gnu")
        .end();
    assert_eq!(sandbox.unpack(&archive).unwrap(), 27 + 4 + 3);
    let stat = |path: &str| fs::symlink_metadata(sandbox.at(path)).unwrap();
    assert_eq!(stat("tmp").mode() & 0o7777, 0o1777);
    assert_eq!(stat("tmp").mtime(), 1_700_000_000, "set after what is in it");
    assert_eq!(stat("bin/su").ino(), stat("bin/hard").ino());
    assert_eq!(fs::read_link(sandbox.at("bin/sh")).unwrap(), Path::new("/bin/su"));
    assert_eq!(stat("bin/sh").mtime(), 1_700_000_000);
    assert_eq!((stat(&long).mtime(), stat(&long).mtime_nsec()), (12, 500_000_000));
    assert_eq!(fs::read_to_string(sandbox.at("gnu/long/name")).unwrap(), "gnu");
    assert_eq!(stat("bin/su").mode() & 0o7777, 0o4755);
}

#[test]
fn needs_root_owners_are_kept_and_setuid_with_them() {
    let sandbox = Sandbox::new();
    let mut setuid = header(EntryType::Regular, b"bin/su", b"");
    setuid.set_mode(0o4755);
    setuid.set_uid(1234);
    setuid.set_gid(5678);
    setuid.set_cksum();
    sandbox.unpack(&RawTar::default().header(&setuid).end()).unwrap();
    let su = fs::metadata(sandbox.at("bin/su")).unwrap();
    assert_eq!((su.uid(), su.gid(), su.mode() & 0o7777), (1234, 5678, 0o4755));
}

#[test]
fn needs_root_devices_and_capabilities_are_made() {
    let sandbox = Sandbox::new();
    let mut null = header(EntryType::Char, b"dev/null", b"");
    null.set_device_major(1).unwrap();
    null.set_device_minor(3).unwrap();
    null.set_mode(0o666);
    null.set_cksum();
    // VFS_CAP_REVISION_2, effective, CAP_NET_BIND_SERVICE.
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let archive = RawTar::default()
        .header(&null)
        .entry(EntryType::Fifo, b"pipe", b"", b"")
        .pax(&[
            ("SCHILY.xattr.security.capability", &capability),
            ("SCHILY.xattr.trusted.overlay.redirect", b"/x"),
        ])
        .file("server", "x")
        .end();
    sandbox.unpack(&archive).unwrap();
    let null = fs::metadata(sandbox.at("dev/null")).unwrap();
    assert_eq!((null.rdev(), null.mode() & 0o777), (rustix::fs::makedev(1, 3), 0o666));
    assert!(fs::metadata(sandbox.at("pipe")).unwrap().file_type().is_fifo());
    let mut value = [0; 64];
    let server = sandbox.at("server");
    assert_eq!(rustix::fs::getxattr(&server, "security.capability", &mut value[..]), Ok(capability.len()));
    assert_eq!(value[..capability.len()], capability);
    assert!(
        rustix::fs::getxattr(&server, "trusted.overlay.redirect", &mut value[..]).is_err(),
        "not an image's"
    );
}

#[test]
fn needs_root_whiteouts_become_those_of_overlayfs() {
    let sandbox = Sandbox::new();
    let archive = RawTar::default()
        .file("a/.wh.gone", "")
        .file("b/kept", "x")
        .file("b/.wh..wh..opq", "")
        .file(".wh..wh.plnk", "")
        .directory("c/")
        .file("c/new", "x")
        .file(".wh.c", "")
        .file(".wh.d", "")
        .directory("d/")
        .end();
    sandbox.unpack(&archive).unwrap();
    assert!(is_whiteout_node(&sandbox.at("a/gone")));
    assert!(is_opaque(&sandbox.at("b")) && sandbox.at("b/kept").exists());
    assert!(is_opaque(&sandbox.at("c")) && sandbox.at("c/new").exists(), "hidden below, added here");
    assert!(is_opaque(&sandbox.at("d")) && sandbox.at("d").is_dir());
    assert!(!sandbox.at("plnk").exists());
    for nothing in [".wh.", ".wh..", ".wh..."] {
        assert!(sandbox.error(&RawTar::default().file(nothing, "").end()).contains("it hides nothing"));
    }
}

#[test]
fn implied_directories_look_as_they_do_below() {
    let lower = Sandbox::new();
    let mut tmp = header(EntryType::Directory, b"tmp", b"");
    tmp.set_mode(0o1777);
    tmp.set_cksum();
    lower.unpack(&RawTar::default().header(&tmp).end()).unwrap();
    let mut upper = Sandbox::new();
    upper.parents = vec![lower.at("")];
    upper.unpack(&RawTar::default().file("tmp/x/y", "").end()).unwrap();
    let mode = |path: &str| fs::metadata(upper.at(path)).unwrap().mode() & 0o7777;
    assert_eq!((mode("tmp"), mode("tmp/x")), (0o1777, 0o755));
}

#[test]
fn links_are_followed_inside_only() {
    let sandbox = Sandbox::new();
    let before = sandbox.observe_outside();
    let archive = RawTar::default()
        .symlink("evil", &sandbox.outside())
        .file("evil/planted", "x")
        .symlink("up", "../../../..")
        .file("up/also-inside", "x")
        .symlink("lib", "usr/lib")
        .file("lib/libc.so", "x")
        .file("secret", "mine")
        .symlink("final", &format!("{}/secret", sandbox.outside()))
        .file("final", "replaces the link itself")
        .end();
    sandbox.unpack(&archive).unwrap();
    assert_eq!(sandbox.observe_outside(), before);
    assert!(sandbox.at("usr/lib/libc.so").is_file(), "a dangling link's target is made");
    assert!(sandbox.at("also-inside").is_file(), "the root is its own parent");
    assert!(sandbox.at("").join(sandbox.outside().trim_start_matches('/')).join("planted").is_file());
    assert!(fs::symlink_metadata(sandbox.at("final")).unwrap().is_file());
}

#[test]
fn hostile_entries_are_refused_by_name() {
    let sandbox = Sandbox::new();
    let before = sandbox.observe_outside();
    let refuse = |tar: RawTar, text: &str| {
        let error = sandbox.error(&tar.end());
        assert!(error.contains(text), "{error}");
    };
    refuse(RawTar::default().file("../x", ""), "../x: the path leads out of the layer");
    refuse(RawTar::default().file("a/../../x", ""), "the path leads out");
    refuse(RawTar::default().hard_link("h", "../outside/secret"), "the path leads out");
    let absolute = format!("{}/secret", sandbox.outside());
    refuse(RawTar::default().hard_link("h", &absolute), "h: No such file");
    refuse(RawTar::default().symlink("l", "/").hard_link("h", &format!("l{absolute}")), "No such file");
    refuse(RawTar::default().symlink("l", "l").file("l/x", ""), "l/x: Too many levels of symbolic links");
    refuse(RawTar::default().file(".", "x"), "the root of the layer is not a directory");
    refuse(RawTar::default().file("d/x", "").file("d", ""), "d: Directory not empty");
    refuse(
        RawTar::default().file(&"n/".repeat(40), "").entry(EntryType::new(b'?'), b"q", b"", b""),
        "unknown type",
    );
    let long = "a/".repeat(3000);
    refuse(RawTar::default().pax(&[("path", long.as_bytes())]).file("x", ""), "the path is too long");
    refuse(RawTar::default().pax(&[("uid", b"4294967295")]).file("x", ""), "its owner has no valid number");
    refuse(RawTar::default().pax(&[("GNU.sparse.major", b"1")]).file("x", ""), "a sparse file");
    refuse(RawTar::default().entry(EntryType::Symlink, b"x", b"", b""), "a link without a target");
    assert_eq!(sandbox.observe_outside(), before);
}

#[test]
fn bombs_are_stopped_at_the_limits() {
    let mut sandbox = Sandbox::new();
    sandbox.limits = Limits { max_bytes: 1 << 20, max_entries: 10 };
    let many = (0..11).fold(RawTar::default(), |tar, i| tar.file(&i.to_string(), ""));
    assert_eq!(sandbox.error(&many.end()), "the layer has more than 10 entries");
    let mut huge = header(EntryType::Regular, b"huge", b"");
    huge.set_size(1 << 40);
    huge.set_cksum();
    assert_eq!(sandbox.error(&RawTar::default().header(&huge).0), "the layer has more than 1048576 bytes");
    let mut directory = header(EntryType::Directory, b"d", b"");
    directory.set_size(1 << 40);
    directory.set_cksum();
    let endless = io::Cursor::new(RawTar::default().header(&directory).0).chain(io::repeat(0));
    let error = unpack(endless, &sandbox.at(""), &[], sandbox.limits).unwrap_err();
    assert_eq!(error.to_string(), "the layer has more than 1048576 bytes");
    // A name of a gigabyte is never held in memory.
    let mut name = header(EntryType::GNULongName, b"@", b"");
    name.set_size(1 << 30);
    name.set_cksum();
    let endless = io::Cursor::new(RawTar::default().header(&name).0).chain(io::repeat(b'n'));
    let wide = Limits { max_bytes: u64::MAX, ..sandbox.limits };
    let error = unpack(endless, &sandbox.at(""), &[], wide).unwrap_err();
    assert_eq!(error.to_string(), "the archive is damaged: an entry's headers are too large");
}

#[test]
fn truncated_archives_are_damaged() {
    let sandbox = Sandbox::new();
    let archive = RawTar::default().file("x", &"content".repeat(200)).end();
    for length in [100, 513, 1000, 1400] {
        assert!(sandbox.error(&archive[..length]).contains("damaged"), "{length}");
    }
}

#[test]
fn archives_of_gnu_tar_are_read() {
    let source = tempfile::tempdir().unwrap();
    let long = source.path().join("n".repeat(150)).join("m".repeat(150));
    fs::create_dir_all(&long).unwrap();
    fs::write(long.join("file"), "deep").unwrap();
    fs::hard_link(long.join("file"), source.path().join("hard")).unwrap();
    let sparse = fs::File::create(source.path().join("sparse")).unwrap();
    sparse.set_len(300_000).unwrap();
    std::os::unix::fs::FileExt::write_at(&sparse, b"data", 200_000).unwrap();
    for format in ["gnu", "pax"] {
        let mut tar = std::process::Command::new("tar");
        tar.arg(format!("--format={format}")).args(["-C", &source.path().display().to_string(), "-c", "."]);
        if format == "gnu" {
            tar.arg("-S");
        }
        let output = tar.output().expect("tar is missing: install the Debian package tar");
        let sandbox = Sandbox::new();
        sandbox.unpack(&output.stdout).unwrap();
        let content = fs::read(sandbox.at("sparse")).unwrap();
        assert_eq!((content.len(), &content[200_000..200_004]), (300_000, &b"data"[..]), "{format}");
        let file = sandbox.at("").join(long.join("file").strip_prefix(source.path()).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "deep");
        assert_eq!(fs::metadata(file).unwrap().ino(), fs::metadata(sandbox.at("hard")).unwrap().ino());
    }
}

/// Something that an entry may say; `OUT` stands for the path of the directory outside.
fn path() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a",
        "b",
        "c",
        "..",
        ".",
        "",
        ".wh.a",
        ".wh.b",
        ".wh..wh..opq",
        ".wh...",
        "OUT",
        "secret",
        "outside",
        "sub",
    ]);
    (any::<bool>(), prop::collection::vec(part, 1..5))
        .prop_map(|(absolute, parts)| format!("{}{}", if absolute { "/" } else { "" }, parts.join("/")))
}

fn kind() -> impl Strategy<Value = EntryType> {
    use EntryType::{Char, Continuous, Directory, Fifo, Link, Regular, Symlink};
    prop::sample::select(vec![
        Regular, Regular, Directory, Symlink, Symlink, Link, Link, Fifo, Char, Continuous,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_archive_leaves_its_directory(
        // Each entry for itself: what an error would hide comes in a later case.
        entries in prop::collection::vec((kind(), path(), path()), 1..12),
        damage in prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let sandbox = Sandbox::new();
        let before = sandbox.observe_outside();
        let outside = sandbox.outside();
        let fill = |text: &str| text.replace("OUT", outside.trim_start_matches('/')).chars().take(99).collect::<String>();
        for step in 1..=entries.len() {
            let mut tar = RawTar::default();
            for (kind, path, link) in &entries[..step] {
                tar = tar.entry(*kind, fill(path).as_bytes(), fill(link).as_bytes(), b"");
            }
            let mut archive = tar.end();
            if let Some((at, value)) = damage {
                let at = at.index(archive.len());
                archive[at] = value;
            }
            let _ = sandbox.unpack(&archive);
        }
        prop_assert_eq!(sandbox.observe_outside(), before);
        fs::set_permissions(sandbox.at(""), fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn noise_is_no_archive(noise in prop::collection::vec(any::<u8>(), 0..4096)) {
        let sandbox = Sandbox::new();
        let _ = sandbox.unpack(&noise);
    }
}
