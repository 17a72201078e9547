//! Finds the known word that a mistyped word was meant to be.

/// The longest word that is compared, and the most words that it is compared with. The time of a
/// comparison grows with the product of the lengths.
const MAX_LETTERS: usize = 64;
const MAX_KNOWN: usize = 2_000;

/// The word of `known` that is nearest to `word`, if it is near enough to be a likely correction.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let short = |word: &str| word.len() <= MAX_LETTERS;
    if !short(word) {
        return None;
    }
    // One slip is allowed for three letters, and at least one. Two neighbouring letters that
    // changed places are one slip.
    let slips = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .take(MAX_KNOWN)
        .filter(|candidate| short(candidate) && candidate.len().abs_diff(word.len()) <= 4 * slips)
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= slips)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_finds_none() {
        let known = ["rpi4", "x86_64", "odroid-c4"];
        assert_eq!(nearest("rip4", known), Some("rpi4"));
        assert_eq!(nearest("x86-64", known), Some("x86_64"));
        assert_eq!(nearest("banana", known), None);
    }
}
