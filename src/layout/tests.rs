use super::*;
use crate::disk::image::{Image, Region, Source};
use crate::disk::mbr;
use crate::disk::table::{Entry, Kind};
use insta::assert_snapshot;
use std::collections::BTreeMap;

fn mbr_partition(name: &str, start: Option<Bytes>, size: Bytes) -> PartitionRequest {
    PartitionRequest {
        name: name.into(),
        entry: Entry::Primary(mbr::Entry {
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

fn request(kind: Kind, partitions: Vec<PartitionRequest>, blobs: Vec<BlobRequest>) -> Request {
    Request {
        start: Start::New(kind),
        alignment: Bytes::mib(1),
        grown: BTreeMap::new(),
        partitions,
        blobs,
    }
}

const MBR: Kind = Kind::Mbr {
    disk_id: 0x1234_abcd,
};

fn gpt() -> Kind {
    Kind::gpt([0xd1; 16])
}

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
    let layout = solve(&request(gpt(), partitions, vec![blob("mbr", 0, 440, None)]));
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
    assert_eq!(layout.table.partitions[0].start, Bytes::mib(3));
}

#[test]
fn overlaps_of_all_kinds_are_reported_together() {
    let partitions = vec![
        gpt_partition("boot", Some(Bytes::mib(1)), Bytes::mib(256)),
        gpt_partition("root", Some(Bytes::mib(128)), Bytes::mib(1)),
    ];
    let blobs = vec![
        blob("fip", 0, 900_000, None),
        blob("env", 2 << 20, 512, Some(1024)),
    ];
    assert_snapshot!(refusals(&request(gpt(), partitions, blobs)), @r#"
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
    assert_snapshot!(refusals(&request(gpt(), partitions, blobs)), @r#"
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
        let mut request = request(
            gpt(),
            partitions,
            vec![blob("far", u64::MAX, u64::MAX, None)],
        );
        assert!(refusals(&request).contains("2^63"));
        request.alignment = Bytes(0);
        assert!(refusals(&request).contains("alignment is 0"));
    }
}

#[test]
fn contents_land_where_the_layout_says() {
    let partitions = vec![mbr_partition("root", None, Bytes::mib(1))];
    let layout = solve(&request(MBR, partitions, vec![blob("spl", 512, 3, None)])).unwrap();
    let content = Image::new(1 << 20, vec![Region::bytes(10, *b"root")]).unwrap();
    let bytes = |bytes: &[u8]| Source::Bytes(bytes.into());
    let one = |number: u32, image: &Image| BTreeMap::from([(number, image.clone())]);
    let blobs = BTreeMap::from([("spl".to_owned(), bytes(b"spl"))]);
    let image = assemble(&layout, one(1, &content), blobs.clone()).unwrap();
    let found = image
        .regions()
        .iter()
        .filter(|region| region.source != Source::Zeros);
    let starts: Vec<_> = found.map(|region| region.start).collect();
    assert_eq!(starts, [440, 512, (1 << 20) + 10]);

    let long = Image::new((1 << 20) + 1, Vec::new()).unwrap();
    for (refused, what) in [
        (
            assemble(&layout, one(1, &long), blobs.clone()),
            "has 1048577 bytes",
        ),
        (assemble(&layout, one(2, &content), blobs), "`partition 2`"),
        (assemble(&layout, BTreeMap::new(), BTreeMap::new()), "`spl`"),
    ] {
        assert!(refused.unwrap_err().to_string().contains(what), "{what}");
    }
}

/// The free spans of an image.
fn free(image: &Image) -> Vec<std::ops::Range<u64>> {
    let free = image.regions().iter();
    let free = free.filter(|region| region.source == Source::Free);
    free.map(|region| region.start..region.end()).collect()
}

#[test]
fn only_what_is_free_within_a_filesystem_and_away_from_its_ends_is_free_on_the_disk() {
    const MIB: u64 = 1 << 20;
    let partitions = vec![
        mbr_partition("boot", None, Bytes::mib(4)),
        mbr_partition("root", Some(Bytes::mib(8)), Bytes::mib(5)),
        mbr_partition("small", None, Bytes::mib(1)),
    ];
    let layout = solve(&request(MBR, partitions, Vec::new())).unwrap();
    let all_free = |len| Image::new(len, vec![Region::free(0..len)]).unwrap();
    let used = Region::bytes(2 * MIB, [1; 512]);
    let behind = Region::free(2 * MIB + 512..4 * MIB);
    let root = Image::new(4 * MIB, vec![Region::free(512..MIB + 512), used, behind]).unwrap();
    let contents = BTreeMap::from([(1, all_free(4 * MIB)), (2, root), (3, all_free(MIB))]);
    let image = assemble(&layout, contents, BTreeMap::new()).unwrap();
    // The root's content is shorter than its partition: what follows is zeros, and an end of its own.
    let expected = [
        2 * MIB..4 * MIB,
        9 * MIB..9 * MIB + 512,
        10 * MIB + 512..12 * MIB,
    ];
    assert_eq!(free(&image), expected);
}

#[test]
fn every_disk_is_whole_blocks_and_a_gpt_ends_it() {
    for kind in [gpt(), MBR] {
        for extra in [0, 512, 3584] {
            let len = (16 << 20) + extra;
            let before = existing_of_len(kind.clone(), Bytes(len), &[1, 5]);
            let layout = solve(&grown(before, &[])).unwrap();
            assert_eq!(layout.len.0, len.next_multiple_of(4096));
            assert_eq!(layout.keeps_table(), kind == MBR || extra == 0);
            let image = assemble(&layout, BTreeMap::new(), BTreeMap::new()).unwrap();
            assert_eq!(first_bytes(&layout, &image), [1, 2]);
            let copy = layout.table.copy_len().0;
            let end = image.slice(image.len() - copy..image.len(), 0);
            assert_eq!(end.is_empty(), kind == MBR);
            // No copy of the table is left where the disk ended before.
            let old = image.slice(len - copy..image.len() - copy, 0);
            assert!(old.is_empty(), "{old:?}");
        }
    }
    let mut odd = request(MBR, vec![mbr_partition("a", None, Bytes(512))], Vec::new());
    odd.alignment = Bytes(512);
    assert_eq!(solve(&odd).unwrap().len, Bytes(20_480));
}

/// An existing disk of so many MiB with a boot loader behind its table and, from `starts` on, partitions of
/// 2 MiB, each full of its number.
fn existing(kind: Kind, len: u64, starts: &[u64]) -> Existing {
    existing_of_len(kind, Bytes::mib(len), starts)
}

fn existing_of_len(kind: Kind, len: Bytes, starts: &[u64]) -> Existing {
    let mut table = Table::new(kind);
    let mut regions = vec![Region::bytes(64 << 10, [0xaa; 512])];
    for (number, start) in (1_u32..).zip(starts) {
        let entry = match table.kind {
            Kind::Gpt { .. } => gpt_partition(&number.to_string(), None, Bytes(0)).entry,
            Kind::Mbr { .. } => mbr_partition("", None, Bytes(0)).entry,
        };
        table.partitions.push(Partition {
            number,
            start: Bytes::mib(*start),
            len: Bytes::mib(2),
            entry,
        });
        let byte = u8::try_from(number).unwrap();
        regions.push(Region::bytes(start << 20, vec![byte; 2 << 20]));
    }
    regions.extend(table.regions(len).unwrap());
    let disk = Image::new(len.0, regions).unwrap();
    Existing { table, disk }
}

fn grown(existing: Existing, grown: &[(u32, u64)]) -> Request {
    Request {
        start: Start::Existing(existing),
        grown: grown.iter().map(|(n, len)| (*n, Bytes(*len))).collect(),
        ..request(MBR, Vec::new(), Vec::new())
    }
}

/// The first bytes of an image, partition by partition.
fn first_bytes(layout: &Layout, image: &Image) -> Vec<u8> {
    let partitions = layout.table.partitions.iter();
    let first = partitions.map(|it| {
        let regions = image.slice(it.start.0..it.start.0 + 1, 0);
        match regions.first().map(|region| &region.source) {
            Some(Source::Bytes(bytes)) => bytes[0],
            _ => 0,
        }
    });
    first.collect()
}

#[test]
fn an_existing_disk_on_which_nothing_grows_stays_as_it_is() {
    for kind in [gpt(), MBR] {
        let before = existing(kind, 16, &[9, 1, 5]);
        let disk = before.disk.clone();
        let layout = solve(&grown(before, &[])).unwrap();
        let image = assemble(&layout, BTreeMap::new(), BTreeMap::new()).unwrap();
        let data = |image: &Image| -> u64 {
            let regions = image.slice(0..image.len(), 0);
            regions.iter().map(|it| it.len).sum()
        };
        assert_eq!(data(&image), data(&disk));
        assert_eq!(image.len(), 16 << 20);
        assert_eq!(first_bytes(&layout, &image), [1, 2, 3]);
    }
}

#[test]
fn what_lies_behind_a_partition_that_grows_moves_with_its_content() {
    let before = existing(gpt(), 16, &[9, 1, 5]);
    // Partition 3, at 5 MiB, becomes a sector longer than 3 MiB.
    let layout = solve(&grown(before, &[(3, (3 << 20) + 512)])).unwrap();
    let starts: Vec<_> = layout.table.partitions.iter().map(|it| it.start).collect();
    assert_eq!(starts, [11, 1, 5].map(Bytes::mib));
    assert_eq!(layout.len, Bytes::mib(18));
    let image = assemble(&layout, BTreeMap::new(), BTreeMap::new()).unwrap();
    assert_eq!(first_bytes(&layout, &image), [1, 2, 3]);
    let loader = image.slice(64 << 10..65 << 10, 0);
    assert_eq!(loader, [Region::bytes(0, [0xaa; 512])]);
}

#[test]
fn a_logical_partition_and_what_contains_it_stay() {
    let mut before = existing(MBR, 16, &[1, 4]);
    let partitions = &mut before.table.partitions;
    partitions[1].entry = Entry::Primary(mbr::Entry {
        type_byte: 5,
        active: false,
    });
    assert_snapshot!(refusals(&grown(before, &[(1, 3 << 20)])), @"partition 1 has 2MiB, its filesystem needs 3MiB, and it cannot become longer: it is a logical partition, or one lies behind it");
}

#[test]
fn new_partitions_find_their_place_on_an_existing_disk() {
    let before = existing(gpt(), 16, &[9, 1, 5]);
    let mut request = grown(before, &[]);
    request.partitions = vec![gpt_partition("data", None, Bytes::mib(3))];
    let layout = solve(&request).unwrap();
    let new = &layout.table.partitions[3];
    assert_eq!((new.number, new.start), (4, Bytes::mib(11)));
    let image = assemble(&layout, BTreeMap::new(), BTreeMap::new()).unwrap();
    assert_eq!(first_bytes(&layout, &image), [1, 2, 3, 0]);
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
        let request = request(gpt(), partitions.collect(), vec![blob("spl", spl, 70_000, None)]);
        let Ok(layout) = solve(&request) else { return Ok(()) };
        let mut spans: Vec<_> = layout.table.partitions.iter().map(|placed| {
            assert!(placed.start.0.is_multiple_of(1 << 20));
            (placed.start.0, placed.end().0)
        }).collect();
        spans.extend([(440, 34 * 512), (spl, spl + 70_000), (layout.len.0 - 33 * 512, layout.len.0)]);
        spans.sort_unstable();
        proptest::prop_assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{spans:?}");
    }

    #[test]
    fn a_disk_that_grows_keeps_every_content_and_no_overlap(
        starts in proptest::sample::subsequence((0..12_u64).collect::<Vec<_>>(), 1..9),
        grows in proptest::collection::vec(proptest::option::of(1_u64..9000), 8),
        is_gpt in proptest::bool::ANY,
    ) {
        let kind = if is_gpt { gpt() } else { MBR };
        let starts: Vec<u64> = starts.iter().map(|start| 1 + 3 * start).take(if is_gpt { 8 } else { 4 }).collect();
        let before = existing(kind, 64, &starts);
        let longer = (1..).zip(&starts).zip(&grows).filter_map(|((number, _), n)| {
            Some((number, (2 << 20) + (*n)? * 512))
        });
        let layout = solve(&grown(before, &longer.collect::<Vec<_>>())).unwrap();
        let mut spans: Vec<_> = layout.table.partitions.iter().map(|it| (it.start.0, it.end().0)).collect();
        spans.extend([(0, 34 * 512), (layout.len.0 - layout.table.copy_len().0, layout.len.0)]);
        spans.sort_unstable();
        proptest::prop_assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{spans:?}");
        let image = assemble(&layout, BTreeMap::new(), BTreeMap::new()).unwrap();
        let expected: Vec<u8> = (1..).take(starts.len()).collect();
        proptest::prop_assert_eq!(first_bytes(&layout, &image), expected);
    }
}
