//! Scripts that go too far: each is ended or bounded, the reason is given, and nothing is left
//! behind.

use super::*;
use imgbuild::sandbox::{OutputLimit, TimeLimit};
use imgbuild::tree::Piece;
use std::os::unix::fs::MetadataExt;

/// The end of `script`, and the last lines of its output.
fn failure(ground: &Ground, timeout: Option<Duration>, script: &str) -> (Ending, String) {
    let tree = busybox_tree(&ground.store);
    match ground.run_within(timeout, &tree, script) {
        Err(SandboxError::Script { ending, output, .. }) => (ending, output),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_script_that_waits_for_ever_is_ended_and_says_for_what() {
    let ground = ground();
    let script =
        "echo 'Waiting for Godot'; ( sleep 31536001 & ); cat /dev/pts/ptmx > /dev/null; echo";
    let (ending, output) = failure(&ground, Some(Duration::from_secs(5)), script);
    let Ending::TimeLimit(limit) = ending else {
        panic!("{ending:?}");
    };
    let TimeLimit {
        seconds, processes, ..
    } = *limit;
    assert_eq!((seconds, output.as_str()), (5, "Waiting for Godot"));
    let waits = |words: &[&str]| {
        let mut lines = processes.iter();
        lines.any(|line| words.iter().all(|word| line.contains(word)))
    };
    assert!(waits(&["sh -euc echo"]), "{processes:#?}");
    assert!(waits(&["sleep 31536001", "waits"]), "{processes:#?}");
    assert!(
        waits(&["  ", "cat /dev/pts/ptmx: reads `/dev/pts/ptmx`"]),
        "{processes:#?}"
    );
}

#[test]
fn nobody_answers_a_script_that_asks() {
    let ground = ground();
    let script = "read answer && echo answered > /seen; cat; sh -c 'read answer < /dev/tty' 2> /dev/null || echo alone > /seen";
    let after = ground.run(&busybox_tree(&ground.store), script).unwrap();
    assert_eq!(ground.text(&after, "/seen"), "alone\n");
}

#[test]
fn a_script_that_prints_without_end_is_ended() {
    let ground = ground();
    let (ending, output) = failure(&ground, None, "yes 'are you sure'");
    let limit = Ending::OutputLimit(Box::new(OutputLimit {
        bytes: 64 << 20,
        during: String::new(),
    }));
    assert_eq!(ending, limit);
    assert!(output.contains("are you sure\nare"), "{output}");
}

#[test]
fn a_silent_step_that_prints_without_end_is_ended_and_little_of_it_is_kept() {
    let ground = ground();
    let tree = busybox_tree(&ground.store);
    let mut silent = Step::new("speaks", &["yes"]);
    silent.silent = true;
    let mut n_lines = 0;
    let ended = run(&ground.request(&tree, vec![silent]), &mut |_| n_lines += 1);
    let Err(SandboxError::Script { ending, .. }) = ended else {
        panic!("{ended:?}");
    };
    assert!(matches!(ending, Ending::OutputLimit(_)), "{ending:?}");
    assert!(n_lines < 1 << 18, "{n_lines} lines");
}

#[test]
fn a_script_that_forks_without_end_is_ended() {
    // Root of the host has no limit of processes, but the sandbox runs with another user id.
    let ground = ground();
    let script = "f() { f & f; }; f 2> /dev/null; sleep 31536002";
    let (ending, _) = failure(&ground, Some(Duration::from_secs(5)), script);
    assert!(
        !matches!(ending, Ending::NotStarted(_) | Ending::NotSilent),
        "{ending:?}"
    );
}

#[test]
fn memory_and_files_of_a_script_are_bounded() {
    let ground = ground();
    let script = "
        ulimit -a > /limits; cat /proc/self/oom_score_adj > /oom
        sh -c 'truncate -s 300G /too-long' 2> /dev/null && echo 'makes huge files' >> /seen
        rm -f /too-long
        for place in /tmp /run /dev/shm; do
            sh -c \"cat /dev/zero > $place/x\" 2> /dev/null || :
            ls -s $place/x >> /sizes; rm $place/x
        done; true";
    let after = ground.run(&busybox_tree(&ground.store), script).unwrap();
    assert_eq!(ground.text(&after, "/oom"), "1000\n");
    assert!(after.at(&TreePath::parse(b"/seen").unwrap()).is_none());
    let sizes = ground.text(&after, "/sizes");
    let kilobytes: Vec<u64> = sizes
        .lines()
        .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert!(kilobytes.iter().all(|size| *size <= 1 << 20), "{sizes}");
    assert_eq!(kilobytes.len(), 3, "{sizes}");
}

#[test]
fn holes_of_a_huge_file_stay_holes() {
    let ground = ground();
    let script = "truncate -s 200G /huge; echo end >> /huge";
    let after = ground.run(&busybox_tree(&ground.store), script).unwrap();
    let id = after.at(&TreePath::parse(b"/huge").unwrap()).unwrap();
    let Kind::File(content) = &after.node(id).kind else {
        panic!("no file");
    };
    let pieces: Vec<Piece> = content.pieces().collect();
    let [Piece::Hole(200_000_000_000..), Piece::Stored(end)] = pieces.as_slice() else {
        panic!("{pieces:?}");
    };
    assert_eq!((content.len(), end.len), ((200 << 30) + 4, 4));
    let object = fs_err::metadata(ground.store.object_path(&end.object)).unwrap();
    assert!(object.size() < 1 << 20);
    // After a change of its mode, the content is compared with the old one, and is not stored
    // again.
    let again = ground.run(&after, "chmod 600 /huge");
    let again = again.unwrap();
    let id = again.at(&TreePath::parse(b"/huge").unwrap()).unwrap();
    let Kind::File(kept) = &again.node(id).kind else {
        panic!("no file");
    };
    assert_eq!(kept.len(), content.len());
}

#[test]
fn a_huge_file_where_a_text_is_expected_is_refused() {
    let huge = Content::from_pieces([Piece::Hole(200 << 30)]);
    let ground = ground();
    let error = huge.read(&ground.store).unwrap_err();
    assert!(error.to_string().contains("at most"), "{error}");
}

#[test]
fn what_is_too_deep_for_any_program_is_refused_and_swept() {
    let ground = ground();
    let tree = busybox_tree(&ground.store);
    let chain = "d/".repeat(1000);
    let script = format!(
        "mkdir /w /x; for i in 1 2 3 4 5; do mkdir -p /x/{chain}; mv /w /x/{chain}; mv /x /w; mkdir /x; done"
    );
    let error = ground.run(&tree, &script).unwrap_err();
    let SandboxError::Setup { doing, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(doing.starts_with("read back `/w/d/d/"), "{doing}");
    assert!(
        doing.contains("more than 4095 bytes") && doing.len() < 300,
        "{doing}"
    );
}

#[test]
fn what_is_as_deep_as_paths_go_is_read_back() {
    let ground = ground();
    let tree = busybox_tree(&ground.store);
    let after = ground
        .run(&tree, &format!("mkdir -p /w{}", "/d".repeat(2045)))
        .unwrap();
    assert_eq!(below_w(&after).len(), 2046);
}
