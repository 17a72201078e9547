//! The outputs of a build: their names, their formats, and standard output.

use super::args::BuildArgs;
use super::failure::Failure;
use crate::sink::Format;
use crate::specification::Spec;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// Extensions of files in formats that imgbuild does not write.
const OTHER_FORMS: [&str; 33] = [
    "7z", "bmap", "bz2", "cpio", "deb", "dmg", "ext4", "fat", "gz", "iso", "lz4", "lzma", "lzo",
    "ova", "ovf", "qcow", "qed", "rar", "simg", "squashfs", "swu", "tar", "tbz", "tbz2", "tgz",
    "txz", "tzst", "vdi", "vhd", "vhdx", "vmdk", "zip", "zstd",
];

/// Where an image is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A file.
    File(PathBuf),
    /// A file in the working directory, which is named after board and profile.
    Default,
    /// Standard output.
    Stdout,
}

impl Place {
    /// Whether both are the same place. `x.img` and `./x.img` are one file.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => real(one) == real(other),
            _ => self == other,
        }
    }
}

/// The path of the file `path`, with its folder as it is known without symlinks. An output replaces a symlink.
fn real(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = fs_err::canonicalize(parent.unwrap_or(Path::new(".")));
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// An output that the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) place: Place,
    pub(super) format: Format,
}

impl Request {
    /// The file of an output that is one.
    pub(super) fn file(&self, spec: &Spec) -> Option<PathBuf> {
        match &self.place {
            Place::File(path) => Some(path.clone()),
            Place::Default => Some(PathBuf::from(format!(
                "{}-{}.{}",
                spec.board.name,
                spec.profile.name,
                self.format.ending()
            ))),
            Place::Stdout => None,
        }
    }

    /// Whether a block map has a use beside it: bmaptool does not read .qcow2.
    fn takes_block_map(&self) -> bool {
        self.place != Place::Stdout && self.format != Format::Qcow2
    }

    /// The file of a block map for an output that takes one. bmaptool finds it beside the image.
    pub(super) fn block_map(&self, spec: &Spec) -> Option<PathBuf> {
        let file = self.file(spec).filter(|_| self.takes_block_map())?;
        let mut name = file.into_os_string();
        name.push(".bmap");
        Some(PathBuf::from(name))
    }

    /// The name of the output in messages.
    pub(super) fn name(&self, spec: &Spec) -> String {
        let file = self.file(spec);
        file.map_or("standard output".to_owned(), |it| it.display().to_string())
    }
}

/// The outputs that `args` ask for, of which there is at least one.
pub(super) fn requests(args: &BuildArgs) -> Result<Vec<Request>, Failure> {
    let outputs = args.output.iter();
    let requests = outputs.map(|path| request(path, args.format));
    let mut requests: Vec<Request> = requests.collect::<Result<_, _>>()?;
    if requests.is_empty() {
        requests.push(Request {
            place: Place::Default,
            format: args.format.unwrap_or(Format::Raw),
        });
    }
    for (index, request) in requests.iter().enumerate() {
        if requests[..index]
            .iter()
            .any(|it| it.place.is(&request.place))
        {
            let path = args.output[index].display();
            return Err(Failure::Usage(format!(
                "`--output {path}` is given twice; give each output a name of its own"
            )));
        }
    }
    if args.bmap && !requests.iter().any(Request::takes_block_map) {
        let words = "`--bmap`: a block map lies beside a .img, .img.xz or .img.zst, and none of these is written; give \
                     the name of one with `--output`";
        return Err(Failure::Usage(words.to_owned()));
    }
    let is_stdout = |request: &Request| request.place == Place::Stdout;
    if requests.iter().any(is_stdout) && io::stdout().is_terminal() {
        let words = "`--output -`: standard output is a terminal, which cannot show an image; send it to a program \
                     or a file (`| ssh …`, `> FILE`)";
        return Err(Failure::Usage(words.to_owned()));
    }
    Ok(requests)
}

/// The output `path`, whose name says its format, or else `format`.
fn request(path: &Path, format: Option<Format>) -> Result<Request, Failure> {
    if path == Path::new("-") {
        return Ok(Request {
            place: Place::Stdout,
            format: format.unwrap_or(Format::Raw),
        });
    }
    check(path)?;
    let named = Format::of_name(path);
    if let (Some(named), Some(format)) = (named, format)
        && named != format
    {
        return Err(Failure::Usage(format!(
            "`--output {}` says .{}, and `--format` says {}; leave out `--format`, or give the output another name",
            path.display(),
            named.ending(),
            format.ending(),
        )));
    }
    Ok(Request {
        place: Place::File(path.to_owned()),
        format: named.or(format).unwrap_or(Format::Raw),
    })
}

/// Refuses the name of an output that stands for a format that imgbuild does not write.
fn check(path: &Path) -> Result<(), Failure> {
    let Some(ending) = other_form(path) else {
        return Ok(());
    };
    let mut plain = path.to_owned();
    for _ in ending.split('.') {
        plain.set_extension("");
    }
    Err(Failure::Usage(format!(
        "`--output {}`: an image is written as .img, .img.xz, .img.zst or .qcow2, not as .{ending}; write it to `{}` \
         and pack or convert that",
        path.display(),
        plain.display(),
    )))
}

/// The ending of `path` if it stands for another format: `vmdk`, or `tar.xz` for something else that is packed.
fn other_form(path: &Path) -> Option<String> {
    let ending = |path: &Path| Some(path.extension()?.to_str()?.to_ascii_lowercase());
    let last = ending(path)?;
    if OTHER_FORMS.contains(&last.as_str()) {
        return Some(last);
    }
    let before = ending(Path::new(path.file_stem()?))?;
    let is_packed = matches!(Format::of_name(path), Some(Format::Xz | Format::Zstd));
    let is_other = match Format::of_name(Path::new(path.file_stem()?)) {
        Some(format) => format != Format::Raw,
        None => OTHER_FORMS.contains(&before.as_str()),
    };
    (is_packed && is_other).then(|| format!("{before}.{last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_for_another_format_is_told_from_one_that_does_not() {
        for name in [
            "x.vmdk",
            "x.tar.xz",
            "x.qcow2.xz",
            "x.IMG.XZ.zst",
            "d.d/x.iso.zst",
            "x.img.bmap",
        ] {
            let (_, ending) = name.split_once("x.").unwrap();
            let found = other_form(Path::new(name));
            assert!(
                found
                    .as_ref()
                    .is_some_and(|it| ending.to_lowercase().ends_with(it)),
                "{name}"
            );
        }
        for name in [
            "x",
            "x.img",
            "x.1.xz",
            "x.raw.zst",
            ".xz",
            "x.tar.d/x.xz",
            "tar.xz",
            "x.img.",
            "x.tar.img",
        ] {
            assert_eq!(other_form(Path::new(name)), None, "{name}");
        }
    }
}
