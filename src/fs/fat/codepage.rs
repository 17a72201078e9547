//! Code page 437, by which Linux reads 8.3 names unless it is mounted with another one: ASCII, and
//! above it the characters of the first PC.

/// The characters of bytes 0x80 to 0xff.
const UPPER: [char; 128] = [
    'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å', //
    'É', 'æ', 'Æ', 'ô', 'ö', 'ò', 'û', 'ù', 'ÿ', 'Ö', 'Ü', '¢', '£', '¥', '₧', 'ƒ', //
    'á', 'í', 'ó', 'ú', 'ñ', 'Ñ', 'ª', 'º', '¿', '⌐', '¬', '½', '¼', '¡', '«', '»', //
    '░', '▒', '▓', '│', '┤', '╡', '╢', '╖', '╕', '╣', '║', '╗', '╝', '╜', '╛', '┐', //
    '└', '┴', '┬', '├', '─', '┼', '╞', '╟', '╚', '╔', '╩', '╦', '╠', '═', '╬', '╧', //
    '╨', '╤', '╥', '╙', '╘', '╒', '╓', '╫', '╪', '┘', '┌', '█', '▄', '▌', '▐', '▀', //
    'α', 'ß', 'Γ', 'π', 'Σ', 'σ', 'µ', 'τ', 'Φ', 'Θ', 'Ω', 'δ', '∞', 'φ', 'ε', '∩', //
    '≡', '±', '≥', '≤', '⌠', '⌡', '÷', '≈', '°', '∙', '·', '√', 'ⁿ', '²', '■', '\u{a0}',
];

/// The character that `byte` stands for.
pub(super) fn decode(byte: u8) -> char {
    match byte.checked_sub(0x80) {
        Some(index) => UPPER[usize::from(index)],
        None => char::from(byte),
    }
}

/// The lower case of `character`, where the code page has one.
pub(super) fn lower(character: char) -> char {
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) if one.is_ascii() || UPPER.contains(&one) => one,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_the_characters_of_a_pc() {
        assert_eq!(
            [b'A', 0x80, 0x9a, 0xff].map(decode),
            ['A', 'Ç', 'Ü', '\u{a0}']
        );
        assert_eq!(['A', 'Ü', 'Γ', '░'].map(lower), ['a', 'ü', 'Γ', '░']);
    }
}
