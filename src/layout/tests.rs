use super::*;
use crate::disk::image::Region;
use crate::disk::image::{Image, Source};
use insta::assert_snapshot;
use std::collections::BTreeMap;

fn mbr_partition(name: &str, start: Option<Bytes>, size: Bytes) -> PartitionRequest {
    PartitionRequest {
        name: name.into(),
        entry: Entry::Mbr(mbr::Entry {
            type_byte: 0x83,
            active: false,
        }),
        start,
        size,
    }
}

fn gpt_partition(name: &str, start: Option<Bytes>, size: Bytes) -> PartitionRequest {
    let tag = name.as_bytes()[0];
    let entry = gpt::Entry {
        type_guid: [0x0f; 16],
        guid: [tag; 16],
        label: name.into(),
        attributes: 0,
    };
    PartitionRequest {
        name: name.into(),
        entry: Entry::Gpt(entry),
        start,
        size,
    }
}

fn blob(id: &str, offset: u64, len: u64, max_len: Option<u64>) -> BlobRequest {
    BlobRequest {
        id: id.into(),
        offset: Bytes(offset),
        len: Bytes(len),
        max_len: max_len.map(Bytes),
    }
}

fn request(table: Table, partitions: Vec<PartitionRequest>, blobs: Vec<BlobRequest>) -> Request {
    Request {
        table,
        alignment: Bytes::mib(1),
        partitions,
        blobs,
        min_len: None,
    }
}

const GPT: Table = Table::Gpt {
    disk_guid: [0xd1; 16],
};
const MBR: Table = Table::Mbr {
    disk_id: 0x1234_abcd,
};

fn refusals(request: &Request) -> String {
    solve(request).unwrap_err().to_string()
}

#[test]
fn a_disk_of_blobs_and_one_root_is_mapped() {
    let blobs = vec![
        blob("bl1", 512, 15_360, Some(30 * 512)),
        blob("bl2", 31 * 512, 14_592, Some(32 * 512)),
        blob("u-boot", 63 * 512, 556_416, Some(1440 * 512)),
        blob("tzsw", 1503 * 512, 262_144, None),
    ];
    let layout = solve(&request(
        MBR,
        vec![mbr_partition("root", None, Bytes::mib(300))],
        blobs,
    ));
    assert_snapshot!(layout.unwrap(), @r#"
    mbr 1234abcd
          0s+440        72  the partition table in sector 0
              1s     15KiB  blob `bl1`
             31s     16KiB  blob `bl2`
             63s    720KiB  blob `u-boot`
           1503s    256KiB  blob `tzsw`
           2048s    300MiB  partition 1 `root` type 83
         616448s            end
    "#);
}

#[test]
fn a_gpt_disk_keeps_room_for_its_second_copy() {
    let partitions = vec![
        gpt_partition("bios", Some(Bytes::mib(1)), Bytes::mib(1)),
        gpt_partition("esp", None, Bytes::mib(64)),
        gpt_partition("root", None, Bytes::mib(300)),
    ];
    let layout = solve(&request(GPT, partitions, vec![blob("mbr", 0, 440, None)]));
    assert_snapshot!(layout.unwrap(), @r#"
    gpt d1d1d1d1-d1d1-d1d1-d1d1-d1d1d1d1d1d1
              0s       440  blob `mbr`
          0s+440        72  the partition table in sector 0
              1s     16896  the GPT
           2048s      1MiB  partition 1 `bios` type 0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f guid 62626262-6262-6262-6262-626262626262 label `bios`
           4096s     64MiB  partition 2 `esp` type 0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f guid 65656565-6565-6565-6565-656565656565 label `esp`
         135168s    300MiB  partition 3 `root` type 0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f guid 72727272-7272-7272-7272-727272727272 label `root`
         751583s     16896  the second copy of the GPT
         751616s            end
    "#);
}

#[test]
fn an_automatic_start_passes_blobs_and_fixed_partitions() {
    let partitions = vec![
        mbr_partition("a", None, Bytes::mib(2)),
        mbr_partition("b", Some(Bytes::mib(6)), Bytes::mib(1)),
    ];
    let blobs = vec![blob("spl", 2 << 20, 1, None)];
    let layout = solve(&request(MBR, partitions, blobs)).unwrap();
    assert_eq!(layout.partitions[0].extent.start, Lba(3 << 11));
}

#[test]
fn the_disk_is_as_long_as_asked() {
    let one = vec![gpt_partition("root", None, Bytes::mib(8))];
    let mut request = request(GPT, one, Vec::new());
    assert_eq!(solve(&request).unwrap().len, Bytes::mib(10));
    request.min_len = Some(Bytes::mib(64));
    assert_eq!(solve(&request).unwrap().len, Bytes::mib(64));
}

#[test]
fn overlaps_of_all_kinds_are_told_at_once() {
    let partitions = vec![
        gpt_partition("boot", Some(Bytes::mib(1)), Bytes::mib(256)),
        gpt_partition("root", Some(Bytes::mib(128)), Bytes::mib(1)),
    ];
    let blobs = vec![
        blob("fip", 0, 900_000, None),
        blob("env", 2 << 20, 512, Some(1024)),
    ];
    assert_snapshot!(refusals(&request(GPT, partitions, blobs)), @r#"
    blob `fip` (bytes 0 to 900000) overlaps the partition table in sector 0 (bytes 440 to 512); split it: its first 440 bytes at offset 0, and what follows byte 512 at 512
    blob `fip` (bytes 0 to 900000) overlaps the GPT (bytes 512 to 17408); a blob in sectors 1 to 33 needs an `mbr` table
    blob `env` (bytes 2097152 to 2098176) overlaps partition `boot` (bytes 1048576 to 269484032); start the partition at 2049KiB or later
    partition `root` (bytes 134217728 to 135266304) overlaps partition `boot` (bytes 1048576 to 269484032); start it at 257MiB or later
    "#);
}

#[test]
fn room_kept_for_a_blob_is_its_own_even_where_it_is_shorter() {
    let blobs = vec![blob("a", 512, 1, Some(1024)), blob("b", 1024, 1, None)];
    assert_snapshot!(refusals(&request(MBR, Vec::new(), blobs)), @"blob `b` (bytes 1024 to 1025) overlaps blob `a` (bytes 512 to 1536)");
}

#[test]
fn what_an_mbr_cannot_hold_is_refused() {
    let mut partitions: Vec<_> = ["a", "b", "c", "d", "e"]
        .map(|name| mbr_partition(name, None, Bytes::mib(1)))
        .into();
    partitions[4].size = Bytes::mib(2 << 20);
    assert_snapshot!(refusals(&request(MBR, partitions, Vec::new())), @r#"
    5 partitions, but the table holds 4; use `gpt` or fewer partitions
    partition `e` ends at 2097157MiB, but an MBR reaches only 2TiB; use `gpt`
    "#);
}

#[test]
fn wrong_numbers_and_names_are_refused() {
    let mut long = gpt_partition("long", Some(Bytes(4096)), Bytes(100));
    if let Entry::Gpt(entry) = &mut long.entry {
        entry.label = "x".repeat(37);
        entry.type_guid = [0; 16];
    }
    let partitions = vec![
        long,
        mbr_partition("other", None, Bytes(0)),
        gpt_partition("same", None, Bytes::mib(1)),
        gpt_partition("same", None, Bytes::mib(1)),
    ];
    let blobs = vec![
        blob("empty", 1 << 20, 0, None),
        blob("long", 3 << 20, 9, Some(8)),
    ];
    assert_snapshot!(refusals(&request(GPT, partitions, blobs)), @r#"
    partition `long` has 100 bytes; expected a multiple of 512 above 0
    partition `long` has type 0, which marks an unused entry
    the label of partition `long` has 37 UTF-16 units; a GPT holds 36
    partition `other` has 0 bytes; expected a multiple of 512 above 0
    partition `other` has the type of another table than the disk's; give a GUID for `gpt`, a byte for `mbr`
    partition `same` has the GUID of another partition
    blob `empty` is empty
    blob `long` has 9 bytes, more than the 8 that are kept for it
    two of one name: partition `same`
    partition `long` starts at 4KiB, which is no multiple of the alignment 1MiB
    partition `long` (bytes 4096 to 4196) overlaps the GPT (bytes 512 to 17408); start it at 17KiB or later
    "#);
}

#[test]
fn numbers_beyond_64_bits_are_refused_and_do_not_panic() {
    for start in [None, Some(Bytes::mib(1))] {
        let partitions = vec![
            gpt_partition("huge", start, Bytes(u64::MAX - 511)),
            gpt_partition("next", None, Bytes::mib(1)),
        ];
        let mut request = request(GPT, partitions, vec![blob("far", u64::MAX, u64::MAX, None)]);
        assert!(refusals(&request).contains("2^63"));
        request.alignment = Bytes(0);
        assert!(refusals(&request).contains("alignment is 0"));
    }
}

#[test]
fn a_violation_names_whom_it_is_about() {
    let partitions = vec![mbr_partition("root", Some(Bytes(0)), Bytes::mib(1))];
    let errors = solve(&request(MBR, partitions, Vec::new())).unwrap_err();
    let subjects = errors.0[0].subjects();
    assert_eq!(
        subjects,
        [Claimant::Partition("root".into()), Claimant::MbrTable]
    );
}

#[test]
fn contents_land_where_the_layout_says() {
    let partitions = vec![mbr_partition("root", None, Bytes::mib(1))];
    let layout = solve(&request(MBR, partitions, vec![blob("spl", 512, 3, None)])).unwrap();
    let content = Image::new(1 << 20, vec![Region::bytes(10, *b"root")]).unwrap();
    let bytes = |bytes: &[u8]| Source::Bytes(bytes.into());
    let one = |name: &str, image: &Image| BTreeMap::from([(name.to_owned(), image.clone())]);
    let blobs = BTreeMap::from([("spl".to_owned(), bytes(b"spl"))]);
    let image = assemble(&layout, one("root", &content), blobs.clone()).unwrap();
    let found = image
        .regions()
        .iter()
        .filter(|region| region.source != Source::Zeros);
    let starts: Vec<_> = found.map(|region| region.start).collect();
    assert_eq!(starts, [440, 512, (1 << 20) + 10]);

    let long = Image::new((1 << 20) + 1, Vec::new()).unwrap();
    for (refused, what) in [
        (
            assemble(&layout, one("root", &long), blobs.clone()),
            "has 1048577 bytes",
        ),
        (assemble(&layout, one("toor", &content), blobs), "`toor`"),
        (assemble(&layout, BTreeMap::new(), BTreeMap::new()), "`spl`"),
    ] {
        assert!(refused.unwrap_err().to_string().contains(what), "{what}");
    }
}

proptest::proptest! {
    #[test]
    fn a_solved_layout_is_aligned_and_free_of_overlap(
        sizes in proptest::collection::vec(1_u64..9000, 1..9),
        starts in proptest::collection::vec(proptest::option::of(0_u64..40), 9),
        spl in 0_u64..(8 << 20),
    ) {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let partitions = sizes.iter().zip(&starts).zip(names).map(|((size, start), name)| {
            gpt_partition(name, start.map(Bytes::mib), Bytes(size * 512))
        });
        let request = request(GPT, partitions.collect(), vec![blob("spl", spl, 70_000, None)]);
        let Ok(layout) = solve(&request) else { return Ok(()) };
        let mut spans: Vec<_> = layout.partitions.iter().map(|placed| {
            let start = placed.extent.start.bytes().0;
            assert!(start.is_multiple_of(1 << 20));
            (start, start + placed.extent.n_sectors * 512)
        }).collect();
        spans.extend([(440, 34 * 512), (spl, spl + 70_000), (layout.len.0 - 33 * 512, layout.len.0)]);
        spans.sort_unstable();
        proptest::prop_assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{spans:?}");
    }
}
