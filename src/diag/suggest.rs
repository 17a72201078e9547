//! The known word that a mistyped one was meant to be.

/// The word of `known` nearest to `word`, if it is near enough to be what was meant.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // One slip per three letters, and at least one; two for a pair that changed places is one here.
    let slips = (word.chars().count() / 3).max(1);
    known
        .into_iter()
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
