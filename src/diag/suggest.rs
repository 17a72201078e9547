//! The known word that a mistyped one was meant to be.

/// The longest word that is compared, and the most that it is compared with: the time to compare grows
/// with the product of lengths, and nobody mistypes a page.
const MAX_LETTERS: usize = 64;
const MAX_KNOWN: usize = 2_000;

/// The word of `known` nearest to `word`, if it is near enough to be what was meant.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let short = |word: &str| word.len() <= MAX_LETTERS;
    if !short(word) {
        return None;
    }
    // One slip per three letters, and at least one; two for a pair that changed places is one here.
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
