//! Stanzas of `Field: value` lines, the format of Packages, Release, status, control and .sources
//! files (deb-control(5), deb822(5)).
//!
//! Names and values are slices of the text. Field names are compared without regard to ASCII case,
//! fields keep their order, and no text makes the parser panic. As in apt and dpkg, a line that
//! starts with `#` is a comment. Signatures around the text are not parsed here.

use std::borrow::Cow;

/// The most fields a stanza may have; the largest in Debian has about 40.
const MAX_FIELDS: usize = 256;

/// Why a text is not a sequence of stanzas. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// A line is neither a field, nor a continuation, nor blank.
    #[error("line {line}: expected `Field: value`, found `{found}`")]
    NoColon {
        /// The line.
        line: usize,
        /// The start of the line.
        found: String,
    },
    /// A field name has forbidden characters.
    #[error(
        "line {line}: `{name}` is no field name: expected visible ASCII characters that do not \
         start with `-`"
    )]
    BadName {
        /// The line.
        line: usize,
        /// The start of the name.
        name: String,
    },
    /// A continuation line has no field above it.
    #[error("line {line}: starts with a space but continues no field; remove the space")]
    NothingToContinue {
        /// The line.
        line: usize,
    },
    /// The stanza already has this field.
    #[error("line {line}: field `{name}` stands in this stanza already; remove one of them")]
    Duplicate {
        /// The line.
        line: usize,
        /// The field.
        name: String,
    },
    /// The stanza has more fields than any real one.
    #[error("line {line}: more than {MAX_FIELDS} fields in one stanza; is a blank line missing?")]
    TooManyFields {
        /// The line.
        line: usize,
    },
    /// The stanza lacks a field that it must have.
    #[error("the stanza at line {line} lacks the field `{name}`")]
    Missing {
        /// The first line of the stanza.
        line: usize,
        /// The field.
        name: &'static str,
    },
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as it is written.
    pub name: &'a str,
    /// The value as it is written, without the space around it; later lines keep theirs.
    pub value: &'a str,
    /// The line of the name, counted from 1.
    pub line: usize,
}

impl<'a> Field<'a> {
    /// The value's lines without the space around them and without comments. The first one is empty
    /// if the value starts on the line below the name.
    pub fn lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let lines = self.value.split('\n');
        lines.filter(|line| !line.starts_with('#')).map(str::trim)
    }

    /// The value as one line: its lines joined with a space.
    pub fn folded(&self) -> Cow<'a, str> {
        if !self.value.contains('\n') {
            return Cow::Borrowed(self.value);
        }
        let lines: Vec<&str> = self.lines().filter(|line| !line.is_empty()).collect();
        Cow::Owned(lines.join(" "))
    }
}

/// One or more fields between two blank lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza<'a> {
    fields: Vec<Field<'a>>,
}

impl<'a> Stanza<'a> {
    /// The fields in their order.
    pub fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// The line of the first field, counted from 1.
    pub fn line(&self) -> usize {
        self.fields.first().map_or(1, |field| field.line)
    }

    /// The field `name`, in any case.
    pub fn field(&self, name: &str) -> Option<&Field<'a>> {
        let mut fields = self.fields.iter();
        fields.find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The value of the field `name` as it is written; see [`Field::value`].
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.field(name).map(|field| field.value)
    }

    /// The value of the field `name` as one line.
    pub fn folded(&self, name: &str) -> Option<Cow<'a, str>> {
        self.field(name).map(Field::folded)
    }

    /// The words of the field `name`; none if the stanza lacks it.
    pub fn words(&self, name: &str) -> Vec<String> {
        let value = self.folded(name).unwrap_or_default();
        value.split_whitespace().map(str::to_owned).collect()
    }

    /// The value of the field `name`, which this kind of stanza must have.
    ///
    /// # Errors
    ///
    /// The stanza lacks the field.
    pub fn required(&self, name: &'static str) -> Result<&'a str, ControlError> {
        let line = self.line();
        self.get(name).ok_or(ControlError::Missing { line, name })
    }
}

/// The stanzas of `text` in their order. The first mistake ends the iteration.
pub fn parse(text: &str) -> Stanzas<'_> {
    Stanzas {
        text,
        position: 0,
        line: 0,
    }
}

/// Iterates over stanzas; see [`parse`].
#[derive(Clone, Debug)]
pub struct Stanzas<'a> {
    text: &'a str,
    /// The offset of the next line.
    position: usize,
    /// The number of the line before `position`.
    line: usize,
}

impl<'a> Iterator for Stanzas<'a> {
    type Item = Result<Stanza<'a>, ControlError>;

    fn next(&mut self) -> Option<Self::Item> {
        let stanza = self.stanza();
        if stanza.is_err() {
            self.position = self.text.len();
        }
        stanza.transpose()
    }
}

impl<'a> Stanzas<'a> {
    fn stanza(&mut self) -> Result<Option<Stanza<'a>>, ControlError> {
        let mut fields: Vec<Field<'a>> = Vec::new();
        // The offset of the value of the last field.
        let mut value_start = 0;
        while let Some((start, line)) = self.next_line() {
            match line.as_bytes().first() {
                Some(b'#') => continue,
                None | Some(b' ' | b'\t' | b'\r') if line.trim_ascii().is_empty() => {
                    if fields.is_empty() {
                        continue;
                    }
                    break;
                }
                Some(b' ' | b'\t') => {
                    let unstarted = ControlError::NothingToContinue { line: self.line };
                    let field = fields.last_mut().ok_or(unstarted)?;
                    field.value = self.text[value_start..start + line.len()].trim_ascii();
                }
                _ => {
                    let (name, value) = self.split(line)?;
                    self.check_new(&fields, name)?;
                    value_start = start + name.len() + 1;
                    fields.push(Field {
                        name,
                        value,
                        line: self.line,
                    });
                }
            }
        }
        Ok((!fields.is_empty()).then_some(Stanza { fields }))
    }

    /// The next line without its end, and its offset.
    fn next_line(&mut self) -> Option<(usize, &'a str)> {
        let start = self.position;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').unwrap_or(rest.len());
        self.position = start + length + 1;
        self.line += 1;
        Some((start, &rest[..length]))
    }

    /// The name and the value on the current line.
    fn split(&self, line: &'a str) -> Result<(&'a str, &'a str), ControlError> {
        let Some((name, value)) = line.split_once(':') else {
            return Err(ControlError::NoColon {
                line: self.line,
                found: beginning(line),
            });
        };
        if name.is_empty() || name.starts_with('-') || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ControlError::BadName {
                line: self.line,
                name: beginning(name),
            });
        }
        Ok((name, value.trim_ascii()))
    }

    fn check_new(&self, fields: &[Field<'a>], name: &str) -> Result<(), ControlError> {
        let line = self.line;
        if fields.len() >= MAX_FIELDS {
            return Err(ControlError::TooManyFields { line });
        }
        let same = |field: &Field<'_>| field.name.eq_ignore_ascii_case(name);
        if fields.iter().any(same) {
            let name = beginning(name);
            return Err(ControlError::Duplicate { line, name });
        }
        Ok(())
    }
}

/// The start of `text`, for a message.
fn beginning(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Result<Stanza<'_>, ControlError> {
        parse(text).next().expect("one stanza")
    }

    #[test]
    fn stanzas_fields_and_continuations_are_read() {
        let text =
            "\n# who\nPackage: tor\nDepends:\n libc6,\n# why\n adduser\nX:\n\n \t\nPackage:a\n";
        let stanzas: Vec<_> = parse(text).collect::<Result<_, _>>().unwrap();
        let shown: Vec<Vec<_>> = stanzas
            .iter()
            .map(|stanza| stanza.fields().iter().map(|f| (f.name, f.line)).collect())
            .collect();
        assert_eq!(
            shown,
            [
                vec![("Package", 3), ("Depends", 4), ("X", 8)],
                vec![("Package", 11)]
            ]
        );
        assert_eq!(stanzas[0].get("package"), Some("tor"));
        assert_eq!(stanzas[0].folded("DEPENDS").unwrap(), "libc6, adduser");
        assert_eq!(stanzas[0].get("X"), Some(""));
        assert_eq!(stanzas[0].get("Y"), None);
        assert_eq!(stanzas[1].get("Package"), Some("a"));
    }

    #[test]
    fn lines_of_a_value_keep_their_order() {
        let stanza = first("SHA256:\n aa 1 main/x\n bb 2 main/y").unwrap();
        let lines: Vec<_> = stanza.field("sha256").unwrap().lines().collect();
        assert_eq!(lines, ["aa 1 main/x", "bb 2 main/y"]);
    }

    #[test]
    fn a_carriage_return_is_space() {
        let stanzas: Vec<_> = parse("A: 1\r\nB: 2\r\n\r\nC: 3\r\n").collect();
        assert_eq!(stanzas.len(), 2);
        assert_eq!(stanzas[0].as_ref().unwrap().get("A"), Some("1"));
    }

    #[test]
    fn mistakes_name_their_line() {
        let line = 2;
        for (text, expected) in [
            (
                "A: 1\nword\n",
                ControlError::NoColon {
                    line,
                    found: "word".to_owned(),
                },
            ),
            (
                "A: 1\nb c: 2\n",
                ControlError::BadName {
                    line,
                    name: "b c".to_owned(),
                },
            ),
            (
                "A: 1\na: 2\n",
                ControlError::Duplicate {
                    line,
                    name: "a".to_owned(),
                },
            ),
            ("\n x\n", ControlError::NothingToContinue { line }),
        ] {
            assert_eq!(first(text), Err(expected));
        }
        assert_eq!(
            first("\nA: 1\n").unwrap().required("B"),
            Err(ControlError::Missing { line, name: "B" })
        );
    }

    #[test]
    fn too_many_fields_are_refused() {
        let text: String = (0..=MAX_FIELDS).map(|n| format!("F{n}: x\n")).collect();
        let line = MAX_FIELDS + 1;
        assert_eq!(first(&text), Err(ControlError::TooManyFields { line }));
    }

    #[test]
    fn a_mistake_ends_the_iteration() {
        assert_eq!(parse("word\n\nA: 1\n").count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[ \t\r\n:#a-cé\u{0}-]{0,60}") {
            let _ = parse(&text).filter_map(Result::ok).map(|s| s.fields().len()).sum::<usize>();
        }

        #[test]
        fn shown_fields_read_back(values in proptest::collection::vec("[!-~]{0,9}(\n [!-~]{1,9}){0,2}", 1..5)) {
            let text: String = values.iter().enumerate()
                .map(|(n, value)| format!("F{n}: {value}\n")).collect();
            let stanza = first(&text).unwrap();
            let read: Vec<&str> = stanza.fields().iter().map(|field| field.value).collect();
            let written: Vec<&str> = values.iter().map(|value| value.trim_ascii()).collect();
            proptest::prop_assert_eq!(read, written);
        }
    }
}
