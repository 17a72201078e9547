//! Logs made by hand, one rule each.

mod made;

use super::*;
use made::{
    ASYNC, BLOCK, CHECKSUM, CSUM_V2, CSUM_V3, FAST_COMMIT, Journal, N_BLOCKS, SEQUENCE,
    SIXTY_FOUR_BIT, crc, letters, put,
};

/// All forms in which a log is written.
fn forms() -> Vec<Vec<(usize, u32)>> {
    let sums = [vec![], vec![CHECKSUM], vec![CSUM_V2], vec![CSUM_V3]];
    let mut forms = Vec::new();
    for sums in sums {
        forms.push(sums.clone());
        forms.push([sums, vec![SIXTY_FOUR_BIT]].concat());
    }
    forms
}

#[test]
fn an_empty_log_changes_nothing() {
    let mut journal = Journal::new(20, &[CSUM_V3]);
    journal.write(5, b'a').commit();
    assert_eq!(journal.set(0x1c, 0).letters(), []);
}

#[test]
fn the_last_copy_in_a_committed_transaction_wins_in_every_form() {
    for features in forms() {
        let mut journal = Journal::new(40, &features);
        journal.write(5, b'a').write(6, b'b').commit();
        let three = [
            (5, letters(b'c'), 0),
            (7, letters(b'd'), 0),
            (8, letters(b'e'), 0),
        ];
        journal.writes(&three).commit();
        journal.write(8, b'f');
        let expected = [(5, 'c'), (6, 'b'), (7, 'd'), (8, 'e')];
        assert_eq!(journal.letters(), expected, "{features:?}");
    }
}

#[test]
fn an_escaped_copy_gets_the_magic_number_back() {
    let mut journal = Journal::new(20, &[CSUM_V3]);
    let mut copy = letters(b'x');
    copy[..4].fill(0);
    journal.writes(&[(5, copy, 1)]).commit();
    let block = &journal.replay().unwrap()[&5];
    assert_eq!(block[..6], [0xc0, 0x3b, 0x39, 0x98, b'x', b'x']);
}

#[test]
fn a_block_is_not_replayed_up_to_the_transaction_that_revokes_it() {
    for features in forms() {
        let mut journal = Journal::new(60, &features);
        journal
            .write(5, b'a')
            .write(6, b'a')
            .write(7, b'a')
            .commit();
        journal.write(6, b'b').revoke(&[5, 6, 999]).commit();
        journal.write(5, b'c').commit();
        assert_eq!(journal.letters(), [(5, 'c'), (7, 'a')], "{features:?}");
    }
}

#[test]
fn a_revoke_that_was_not_committed_revokes_nothing() {
    let mut journal = Journal::new(60, &[]);
    journal.write(5, b'a').commit().revoke(&[5]);
    assert_eq!(journal.letters(), [(5, 'a')]);
}

#[test]
fn sequence_numbers_and_the_log_wrap_around() {
    for features in forms() {
        let mut journal = Journal::new(12, &features).from(9, u32::MAX);
        journal.write(5, b'a').commit_at(1);
        journal.revoke(&[5]).write(6, b'b').commit_at(2);
        journal.write(7, b'c').commit_at(3);
        assert_eq!(journal.letters(), [(6, 'b'), (7, 'c')], "{features:?}");
    }
}

#[test]
fn block_numbers_have_as_many_bits_as_the_log_says() {
    let high = 5 | 1 << 32;
    let mut journal = Journal::new(20, &[SIXTY_FOUR_BIT, CSUM_V3]);
    journal.write(high, b'a').commit();
    let found = replay(&journal.bytes.as_slice(), BLOCK as u32, high + 1).unwrap();
    assert_eq!(found.into_keys().collect::<Vec<_>>(), [high]);
    let (transaction, block, blocks) = (SEQUENCE, high, N_BLOCKS);
    let fault = JournalFault::BlockNumber {
        transaction,
        block,
        blocks,
    };
    assert_eq!(journal.fault(), fault);
    // Without the feature the upper half is not looked at.
    let mut journal = Journal::new(20, &[CSUM_V3]);
    journal.write(high, b'a').commit();
    assert_eq!(journal.letters(), [(5, 'a')]);
}

/// Blocks 1 to 3 and 4 to 6: descriptor, copy, commit.
fn two_transactions(features: &[(usize, u32)]) -> Journal {
    let mut journal = Journal::new(20, features);
    journal.write(5, b'a').commit().write(6, b'b').commit();
    journal
}

#[test]
fn a_commit_block_that_is_waited_for_has_the_right_checksum() {
    for features in [CSUM_V2, CSUM_V3] {
        for (block, transaction) in [(3, SEQUENCE), (6, SEQUENCE + 1)] {
            let fault = two_transactions(&[features]).damage(block, 20).fault();
            assert_eq!(fault, JournalFault::TransactionChecksum { transaction });
        }
    }
    for (block, transaction) in [(2, SEQUENCE), (5, SEQUENCE + 1)] {
        let fault = two_transactions(&[CHECKSUM]).damage(block, 20).fault();
        assert_eq!(fault, JournalFault::TransactionChecksum { transaction });
    }
}

#[test]
fn a_commit_block_that_is_not_waited_for_may_be_wrong_at_the_end_of_the_log() {
    for features in [[CHECKSUM, ASYNC], [CSUM_V2, ASYNC], [CSUM_V3, ASYNC]] {
        assert_eq!(two_transactions(&features).letters(), [(5, 'a'), (6, 'b')]);
        let last = two_transactions(&features).damage(6, 17).letters();
        assert_eq!(last, [(5, 'a')]);
        let earlier = two_transactions(&features).damage(3, 17).fault();
        let transaction = SEQUENCE;
        assert_eq!(earlier, JournalFault::TransactionChecksum { transaction });
    }
}

#[test]
fn a_commit_block_of_which_only_the_first_sector_arrived_counts() {
    let mut journal = two_transactions(&[CSUM_V3]);
    assert_eq!(journal.damage(6, 600).letters(), [(5, 'a'), (6, 'b')]);
}

#[test]
fn what_an_earlier_journal_left_behind_ends_the_log() {
    for features in [CSUM_V2, CSUM_V3] {
        for damaged in [4, 6] {
            let mut journal = Journal::new(20, &[features]);
            journal
                .write(5, b'a')
                .commit_at(100)
                .write(6, b'b')
                .commit_at(99);
            assert_eq!(journal.damage(damaged, 20).letters(), [(5, 'a')]);
        }
    }
}

#[test]
fn a_wrong_descriptor_revoke_block_or_copy_in_a_committed_transaction_is_damage() {
    for features in [CSUM_V2, CSUM_V3] {
        let wrong = two_transactions(&[features]).damage(4, 900).fault();
        let transaction = SEQUENCE + 1;
        assert_eq!(wrong, JournalFault::TransactionChecksum { transaction });

        let mut journal = two_transactions(&[features]);
        journal.revoke(&[5]).commit().damage(7, 900);
        let transaction = SEQUENCE + 2;
        assert_eq!(
            journal.fault(),
            JournalFault::TransactionChecksum { transaction }
        );

        let wrong = two_transactions(&[features]).damage(2, 900).fault();
        let (transaction, block) = (SEQUENCE, 5);
        assert_eq!(wrong, JournalFault::CopyChecksum { transaction, block });
    }
}

#[test]
fn a_log_in_a_circle_ends_after_one_lap() {
    let mut journal = Journal::new(7, &[]);
    journal.write(5, b'a').write(6, b'b').write(7, b'c');
    assert_eq!(journal.letters(), []);
    // A descriptor full of tags, in a log that is shorter.
    let mut journal = Journal::new(7, &[]);
    let block = journal.header(1);
    journal.append(&block);
    assert_eq!(journal.letters(), []);
}

#[test]
fn fast_commits_are_refused_and_an_area_without_them_is_not() {
    let empty = || {
        let mut journal = Journal::new(1300, &[FAST_COMMIT, CSUM_V3]);
        journal.write(5, b'a').commit();
        journal
    };
    assert_eq!(empty().letters(), [(5, 'a')]);
    let tag = |kind: u16, value: &[u8]| {
        let (kind, len) = (kind.to_le_bytes(), (value.len() as u16).to_le_bytes());
        [kind.as_slice(), &len, value].concat()
    };
    let numbers = |a: u32, b: u32| [a.to_le_bytes(), b.to_le_bytes()].concat();
    let with = |transaction: u32, wrong: u32| {
        let mut area = tag(9, &numbers(0, transaction));
        area.extend(tag(6, &[1; 132]));
        // The checksum covers the tail's tag and transaction; the tail fills the block.
        let len = BLOCK - area.len() - 4;
        let mut tail = tag(8, &vec![0; len]);
        tail[4..8].copy_from_slice(&transaction.to_le_bytes());
        let sum = crc(0, &[area.as_slice(), &tail[..8]].concat()) ^ wrong;
        tail[8..12].copy_from_slice(&sum.to_le_bytes());
        area.extend(tail);
        let mut journal = empty();
        // 256 blocks at the end, and one before them that nobody uses.
        journal.bytes[(1300 - 256 + 1) * BLOCK..][..BLOCK].copy_from_slice(&area);
        journal
    };
    let transaction = SEQUENCE;
    assert_eq!(
        with(SEQUENCE + 1, 0).limit(),
        JournalLimit::FastCommits { transaction }
    );
    for other in [with(SEQUENCE, 0), with(SEQUENCE + 1, 1)] {
        assert_eq!(other.letters(), [(5, 'a')]);
    }
}

#[test]
fn absurd_numbers_are_refused() {
    let with = |at: usize, value: u32| {
        let mut journal = two_transactions(&[]);
        journal.set(at, value);
        journal
    };
    let (magic, kind) = (0, 4);
    assert_eq!(
        with(0, 0).fault(),
        JournalFault::NoSuperblock { magic, kind }
    );
    let (found, expected) = (4096, BLOCK as u32);
    assert_eq!(
        with(0x0c, 4096).fault(),
        JournalFault::BlockSize { found, expected }
    );
    let there = 20;
    for (at, value, blocks, first) in [
        (0x10, 21, 21, 1),
        (0x10, u32::MAX, u32::MAX, 1),
        (0x10, 1, 1, 1),
        (0x14, 0, 20, 0),
        (0x14, 20, 20, 20),
    ] {
        let fault = JournalFault::Length {
            blocks,
            first,
            there,
        };
        assert_eq!(with(at, value).fault(), fault);
    }
    for start in [20, u32::MAX] {
        let (first, end) = (1, 20);
        assert_eq!(
            with(0x1c, start).fault(),
            JournalFault::Start { start, first, end }
        );
    }
    for (at, bits, incompat, ro_compat) in [(0x28, 0x41, 0x40, 0), (0x2c, 1, 0, 1)] {
        let limit = JournalLimit::Features {
            incompat,
            ro_compat,
        };
        assert_eq!(with(at, bits).limit(), limit);
    }
    assert_eq!(with(0x28, 0x18).fault(), JournalFault::ChecksumVersions);
    assert_eq!(
        with(0x28, 0x10).limit(),
        JournalLimit::ChecksumType { found: 0 }
    );
    for wanted in [u32::MAX, 19, 20, 21] {
        let mut journal = with(0x54, wanted);
        assert_eq!(journal.set(0x28, 0x20).letters(), [(5, 'a'), (6, 'b')]);
    }
    let mut journal = two_transactions(&[CSUM_V3]);
    let fault = journal.damage(0, 0x300).fault();
    assert!(matches!(fault, JournalFault::SuperblockChecksum { .. }));
}

#[test]
fn a_revoke_list_ends_within_its_block() {
    for (features, len) in [(vec![], 1025), (vec![CSUM_V3], 1021), (vec![], u32::MAX)] {
        let mut journal = Journal::new(20, &features);
        let mut block = journal.header(5);
        put(&mut block, 12, len);
        let block = journal.with_tail(block);
        journal.append(&block);
        journal.commit();
        let transaction = SEQUENCE;
        assert_eq!(
            journal.fault(),
            JournalFault::RevokeLength { transaction, len }
        );
    }
    let mut journal = Journal::new(20, &[]);
    let block = journal.header(5);
    journal.append(&block);
    journal.write(5, b'a').commit();
    assert_eq!(journal.letters(), [(5, 'a')]);
}

#[test]
fn a_superblock_of_version_1_has_no_features() {
    let mut journal = two_transactions(&[]);
    journal.set(4, 3).set(0x28, u32::MAX);
    assert_eq!(journal.letters(), [(5, 'a'), (6, 'b')]);
}

#[test]
fn a_journal_that_ends_early_is_an_error_of_the_device() {
    let journal = two_transactions(&[]);
    let short = replay(&&journal.bytes[..1000], BLOCK as u32, N_BLOCKS);
    assert!(matches!(short, Err(ReadError::JournalIo { block: 0, .. })));
}
