//! Which partition a base mounts where: its own /etc/fstab, read as mount(8) reads it.

/// What a line of fstab mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is mounted.
    pub what: What,
    /// Where: an absolute path.
    pub at: String,
    /// The first field as it stands there.
    pub source: String,
    /// Whether the system starts without it: `nofail`, `noauto`.
    pub optional: bool,
}

/// How a line names a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// By the filesystem UUID.
    Uuid(String),
    /// By the filesystem label.
    Label(String),
    /// By the partition GUID, or by disk id and number in an MBR.
    Partuuid(String),
    /// By the partition label of a GPT.
    Partlabel(String),
    /// As the partition of this number of the disk that the device starts from.
    Number(u32),
}

/// The lines of `text` that mount a partition of a disk.
pub fn parse(text: &str) -> Vec<Line> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Line> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let mut fields = line.split_whitespace().map(unescaped);
    let (source, at) = (fields.next()?, fields.next()?);
    let what = what(&source)?;
    let options = fields.nth(1).unwrap_or_default();
    let mut options = options.split(',');
    let optional = options.any(|option| ["nofail", "noauto"].contains(&option));
    at.starts_with('/').then_some(Line {
        what,
        at,
        source,
        optional,
    })
}

/// What the first field of a line, or the kernel's word `root=`, names.
pub fn what(source: &str) -> Option<What> {
    let Some((tag, value)) = source.split_once('=') else {
        return number(source).map(What::Number);
    };
    let value = value.trim_matches('"').to_owned();
    Some(match tag {
        "UUID" => What::Uuid(value),
        "LABEL" => What::Label(value),
        "PARTUUID" => What::Partuuid(value),
        "PARTLABEL" => What::Partlabel(value),
        _ => return None,
    })
}

/// The number of a partition behind a device's name: `/dev/mmcblk0p1`, `/dev/sda2`.
fn number(source: &str) -> Option<u32> {
    let name = source.strip_prefix("/dev/")?;
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let text = &name[end.len()..];
    let numbered_disk = ["mmcblk", "nvme", "loop"]
        .iter()
        .any(|it| name.starts_with(it));
    let plain_disk = ["sd", "vd", "xvd", "hd"]
        .iter()
        .any(|it| name.starts_with(it));
    let sound = match (numbered_disk, plain_disk) {
        (true, _) => end.ends_with('p'),
        (_, true) => digits == text,
        _ => false,
    };
    text.parse().ok().filter(|_| sound)
}

/// Blanks are written in octal (fstab(5)).
fn unescaped(field: &str) -> String {
    field
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_known_by_every_name() {
        let text = "# comment\n\
            proc /proc proc defaults 0 0\n\
            PARTUUID=1234abcd-01 /boot/firmware vfat defaults 0 2\n\
            UUID=\"aB-c\" / ext4 defaults,noatime 0 1\n\
            LABEL=my\\040data /srv ext4 nofail\n\
            /dev/mmcblk0p1 /boot vfat\n\
            /dev/sda12 /a ext4\n\
            /dev/sda /b ext4\n\
            /dev/mmcblk0 /c ext4\n\
            /dev/mapper/x1 /d ext4\n\
            UUID=x none swap sw\n\
            PARTLABEL=esp /boot/efi vfat\n";
        let found = parse(text);
        let expected = [
            (What::Partuuid("1234abcd-01".into()), "/boot/firmware"),
            (What::Uuid("aB-c".into()), "/"),
            (What::Label("my data".into()), "/srv"),
            (What::Number(1), "/boot"),
            (What::Number(12), "/a"),
            (What::Partlabel("esp".into()), "/boot/efi"),
        ];
        let seen = found
            .iter()
            .map(|line| (line.what.clone(), line.at.as_str()));
        assert_eq!(seen.collect::<Vec<_>>(), expected);
        let optional = found.iter().filter(|line| line.optional);
        assert_eq!(
            optional.map(|line| line.at.as_str()).collect::<Vec<_>>(),
            ["/srv"]
        );
    }
}
