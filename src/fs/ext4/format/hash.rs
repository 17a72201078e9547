//! The hash that orders an indexed directory: half MD4 over unsigned bytes.
//!
//! Half MD4 is MD4's compression function with 8 instead of 16 input words and 8 steps in each of
//! its three rounds.

/// The hash of `name` under the filesystem's `seed`. Bit 0 is always clear: an index sets it where
/// a run of equal hashes goes on in the next block.
pub(crate) fn half_md4(name: &[u8], seed: &[u8; 16]) -> u32 {
    /// The initial state of MD4, which replaces a seed of zeros.
    const INITIAL: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    /// The value that means the end of a directory in file positions.
    const END: u32 = 0xffff_fffe;

    let mut state = [0; 4];
    for (word, bytes) in state.iter_mut().zip(seed.chunks_exact(4)) {
        *word = u32::from_le_bytes(bytes.try_into().expect("chunks of 4"));
    }
    if state == [0; 4] {
        state = INITIAL;
    }
    let mut rest = name;
    while !rest.is_empty() {
        compress(&mut state, &words(rest));
        rest = &rest[rest.len().min(32)..];
    }
    match state[1] & !1 {
        END => END - 2,
        hash => hash,
    }
}

/// Returns the next 32 bytes of a name as numbers, padded with the length of what is left of the
/// name.
fn words(rest: &[u8]) -> [u32; 8] {
    let len = u32::try_from(rest.len()).expect("a name has at most 255 bytes");
    let pad = (len & 0xff) * 0x0101_0101;
    let mut words = [pad; 8];
    for (word, bytes) in words.iter_mut().zip(rest.chunks(4)) {
        *word = bytes
            .iter()
            .fold(pad, |word, byte| word << 8 | u32::from(*byte));
    }
    words
}

fn compress(state: &mut [u32; 4], input: &[u32; 8]) {
    type Mix = fn(u32, u32, u32) -> u32;
    /// Mixing function, added constant (0, √2, √3), rotations, order of the input words.
    const ROUNDS: [(Mix, u32, [u32; 4], [usize; 8]); 3] = [
        (
            |x, y, z| z ^ (x & (y ^ z)),
            0,
            [3, 7, 11, 19],
            [0, 1, 2, 3, 4, 5, 6, 7],
        ),
        (
            |x, y, z| (x & y).wrapping_add((x ^ y) & z),
            0x5a82_7999,
            [3, 5, 9, 13],
            [1, 3, 5, 7, 0, 2, 4, 6],
        ),
        (
            |x, y, z| x ^ y ^ z,
            0x6ed9_eba1,
            [3, 9, 11, 15],
            [3, 7, 2, 6, 1, 5, 0, 4],
        ),
    ];
    let [mut a, mut b, mut c, mut d] = *state;
    for (mix, constant, rotations, order) in ROUNDS {
        for (step, word) in order.into_iter().enumerate() {
            let sum = a
                .wrapping_add(mix(b, c, d))
                .wrapping_add(input[word])
                .wrapping_add(constant);
            (a, b, c, d) = (d, sum.rotate_left(rotations[step % 4]), b, c);
        }
    }
    for (word, change) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_debugfs() {
        // debugfs -R "dx_hash -h half_md4 [-s 00112233-4455-6677-8899-aabbccddeeff] NAME"
        let seed = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
        let long = b"abcdefghijklmnopqrstuvwxyz0123456789";
        for (name, seed, hash) in [
            (b"a".as_slice(), [0; 16], 0xd5fa_7d7a),
            (b"a", seed, 0x9375_2ee6),
            (long, [0; 16], 0x97c6_9942),
            (long, seed, 0x5d29_bcf4),
        ] {
            assert_eq!(half_md4(name, &seed), hash, "{name:?}");
        }
    }
}
