use std::fs;
use std::io::Write as _;

use super::*;

/// One entry of a zip archive under construction.
struct Packed<'a> {
    name: &'a str,
    content: Vec<u8>,
    deflate: bool,
    /// What the directory claims, where it lies.
    claimed_bytes: Option<u32>,
    flags: u16,
}

fn entry<'a>(name: &'a str, content: &[u8], deflate: bool) -> Packed<'a> {
    Packed { name, content: content.to_vec(), deflate, claimed_bytes: None, flags: 0 }
}

fn zip(entries: &[Packed<'_>]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for e in entries {
        let mut crc = flate2::Crc::new();
        crc.update(&e.content);
        let packed = if e.deflate {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(&e.content).unwrap();
            encoder.finish().unwrap()
        } else {
            e.content.clone()
        };
        let position = archive.len() as u32;
        let method = if e.deflate { 8_u16 } else { 0 };
        let mut common = Vec::new();
        common.extend(20_u16.to_le_bytes());
        common.extend(e.flags.to_le_bytes());
        common.extend(method.to_le_bytes());
        common.extend([0; 4]);
        common.extend(crc.sum().to_le_bytes());
        common.extend((packed.len() as u32).to_le_bytes());
        common.extend(e.claimed_bytes.unwrap_or(e.content.len() as u32).to_le_bytes());
        common.extend((e.name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(e.name.as_bytes());
        archive.extend(packed);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(position.to_le_bytes());
        directory.extend(e.name.as_bytes());
    }
    let start = archive.len() as u32;
    let count = (entries.len() as u16).to_le_bytes();
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count);
    archive.extend(count);
    archive.extend((directory.len() as u32).to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0; 2]);
    archive
}

fn open_zip(bytes: &[u8]) -> Result<Source, SourceError> {
    Source::from_zip_bytes("a.zip", bytes.to_vec(), Limits::STANDARD)
}

fn names(source: &Source) -> Vec<&str> {
    source.entries().iter().map(Entry::name).collect()
}

#[test]
fn zip_entries_are_listed_and_read_from_many_threads() {
    let text: Vec<u8> = (0..200_000_u32).flat_map(|v| (v / 7).to_le_bytes()).collect();
    let archive = zip(&[
        entry("b/2.dcm", &text, true),
        entry("b/", b"", false),
        entry("./", b"", false),
        entry("a.dcm", b"stored", false),
        entry("b/2.dcm", b"same name", true),
        entry("inner.zip", b"PK", false),
        entry("__MACOSX/._a.dcm", b"note", false),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no-extension");
    // Something before the archive moves all its positions.
    for before in ["", "#!/bin/sh\n"] {
        fs::write(&path, [before.as_bytes(), &archive].concat()).unwrap();
        let source = if before.is_empty() {
            Source::open(&path, Limits::STANDARD).unwrap()
        } else {
            open_zip(&fs::read(&path).unwrap()).unwrap()
        };
        assert_eq!(names(&source), ["a.dcm", "b/2.dcm", "b/2.dcm"]);
        let skipped: Vec<_> = source.skipped().iter().map(|s| s.name.as_str()).collect();
        assert_eq!(skipped, ["inner.zip", "__MACOSX/._a.dcm"]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let all: Vec<_> = source.entries().iter().map(|e| source.read_all(e).unwrap()).collect();
                    assert_eq!(all[0], b"stored");
                    assert!(all[1..].contains(&text) && all[1..].contains(&b"same name".to_vec()));
                });
            }
        });
        assert_eq!(source.read_start(&source.entries()[0], 3).unwrap(), b"sto");
        assert_eq!(source.read_start(&source.entries()[0], 99).unwrap(), b"stored");
    }
}

#[test]
fn hostile_and_broken_archives_are_refused() {
    let good = zip(&[entry("a", &[7; 100], true), entry("b", &[8; 100], false)]);
    let directory = good.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let mut overlapping = good.clone();
    // The second entry of the directory is made to start where the first does.
    let second = directory + 46 + 1;
    overlapping[second + 42..second + 46].copy_from_slice(&0_u32.to_le_bytes());
    let mut beyond = good.clone();
    beyond[second + 20..second + 24].copy_from_slice(&9999_u32.to_le_bytes());
    let bombs: Vec<Packed<'_>> =
        (0..8).map(|_| Packed { claimed_bytes: Some(100 << 20), ..entry("x", &[0; 9], true) }).collect();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("climbs", zip(&[entry("../../etc/cron.d/x", b"x", false)]), "outside of itself"),
        ("climbs inside", zip(&[entry("a/../../x", b"x", false)]), "outside of itself"),
        ("absolute", zip(&[entry("/etc/passwd", b"x", false)]), "outside of itself"),
        ("backslash", zip(&[entry("..\\x", b"x", false)]), "outside of itself"),
        ("drive", zip(&[entry("C:\\x", b"x", false)]), "outside of itself"),
        ("bomb", zip(&bombs), "would unpack to 838860800 bytes"),
        ("overlapping", overlapping, "overlap"),
        ("beyond the end", beyond, "reaches beyond the archive"),
        ("cut short", good[..good.len() - 30].to_vec(), "cut short"),
        ("empty", vec![], "cut short"),
        (
            "more than stated",
            [&good[..good.len() - 14], &[1, 0, 1, 0], &good[good.len() - 10..]].concat(),
            "goes on",
        ),
        ("only magic", b"PK\x03\x04".to_vec(), "cut short"),
    ];
    for (name, bytes, expected) in cases {
        let error = open_zip(&bytes).expect_err(name).to_string();
        assert!(error.contains(expected) && error.contains("a.zip"), "{name}: {error}");
    }
    // Damage at the start does not hide that it should be an archive.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.ZIP"), b"").unwrap();
    let error = Source::open(&folder.path().join("a.ZIP"), Limits::STANDARD).unwrap_err().to_string();
    assert!(error.contains("not a readable zip archive"), "{error}");

    let few = Limits { max_entries: 1, ..Limits::STANDARD };
    let error = Source::from_zip_bytes("a.zip", good, few).unwrap_err().to_string();
    assert!(error.contains("more than 1 entries"), "{error}");
}

#[test]
fn lies_of_the_directory_are_found_while_reading() {
    let lie = |claimed_bytes| Packed { claimed_bytes: Some(claimed_bytes), ..entry("a", &[5; 5000], true) };
    for (claimed, expected) in [(4000, "more than the 4000 bytes"), (6000, "unpacks to 5000 bytes")] {
        let source = open_zip(&zip(&[lie(claimed)])).unwrap();
        let error = source.read_all(&source.entries()[0]).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.to_string().contains("a in a.zip") && cause.contains(expected), "{error}: {cause}");
    }
    let mut archive = zip(&[entry("a", b"content", false)]);
    archive[31] ^= 1;
    let source = open_zip(&archive).unwrap();
    let error = source.read_all(&source.entries()[0]).unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("checksum"));

    let locked = Packed { flags: 1, ..entry("a", b"secret", false) };
    let source = open_zip(&zip(&[locked])).unwrap();
    assert!(source.entries().is_empty());
    assert_eq!(source.skipped(), [Skipped { name: "a".into(), reason: "encrypted" }]);

    let small = Limits { max_entry_bytes: 10, ..Limits::STANDARD };
    let source = Source::from_memory("m", vec![("a".into(), vec![0; 11])], small);
    assert!(matches!(
        source.read_all(&source.entries()[0]),
        Err(SourceError::EntryTooLarge { bytes: 11, .. })
    ));
}

#[test]
fn folders_are_walked_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("x/y/z")).unwrap();
    for name in ["x/y/z/2", "x/1", "x/._1", "3.zip"] {
        fs::write(root.join(name), name).unwrap();
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(root, root.join("x/y/loop")).unwrap();
        std::os::unix::fs::symlink(root.join("gone"), root.join("dangling")).unwrap();
    }
    let source = Source::open(root, Limits::STANDARD).unwrap();
    assert_eq!(names(&source), ["x/1", "x/y/z/2"]);
    assert_eq!(source.read_all(&source.entries()[1]).unwrap(), b"x/y/z/2");
    let skipped: Vec<_> = source.skipped().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(skipped, ["3.zip", "dangling", "x/._1", "x/y/loop"]);
    let few = Limits { max_entries: 3, ..Limits::STANDARD };
    assert!(matches!(Source::open(root, few), Err(SourceError::TooManyEntries { limit: 3, .. })));
}

#[test]
#[cfg(unix)]
fn what_cannot_be_opened_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = Source::open(&missing, Limits::STANDARD).unwrap_err().to_string();
    assert!(error.contains("missing"), "{error}");
    assert!(matches!(
        Source::open(Path::new("/dev/null"), Limits::STANDARD),
        Err(SourceError::NotAFile { .. })
    ));

    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&locked).is_ok() {
        println!("skipped: a superuser may read every folder");
    } else {
        let error = Source::open(folder.path(), Limits::STANDARD).unwrap_err().to_string();
        assert!(error.contains("cannot list") && error.contains("locked"), "{error}");
    }
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn siblings_stay_in_the_folder() {
    let files = ["s/a.nhdr", "s/a.raw", "s/d/b.raw", "c.raw"].map(|n| (n.to_owned(), vec![1]));
    let source = Source::from_memory("m", files.to_vec(), Limits::STANDARD);
    let header = source.entries().iter().find(|e| e.name() == "s/a.nhdr").unwrap();
    assert_eq!(source.sibling(header, "./a.raw").unwrap().name(), "s/a.raw");
    assert_eq!(source.sibling(header, "d/b.raw").unwrap().name(), "s/d/b.raw");
    assert!(matches!(source.sibling(header, "c.raw"), Err(SourceError::Missing { .. })));
    for outside in ["../c.raw", "/c.raw", "", "C:\\c.raw", "d/../../c.raw"] {
        assert!(matches!(source.sibling(header, outside), Err(SourceError::Outside { .. })), "{outside}");
    }
}
